"""A sample of the battery that is quick enough for every run of the tests; `make chaos` is the whole of it."""

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos import bug_detection, kill_switch_faults, watcher_faults
from tests.chaos import process_faults as processes
from tests.chaos import server_faults as servers
from tests.chaos import start_limit_faults as start_limit
from tests.chaos.clients import Clients
from tests.chaos.environment import Environment, chaos_environment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env() -> AsyncIterator[Environment]:
    async with chaos_environment() as started:
        yield started


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(100_000)
    print(f"seed {seed}")
    return random.Random(seed)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_worker_killed_right_after_a_send_loses_and_doubles_nothing(
    env: Environment, rng: random.Random
) -> None:
    figure, clean = await processes.killed_at_every_point(env, rng, repeats=1, points=[({}, "after", "send", 1)])
    assert clean, figure


@pytest.mark.slow
async def test_no_order_starts_late_when_postgres_was_frozen(env: Environment, rng: random.Random) -> None:
    figure, clean = await start_limit.postgres_frozen(env, rng, orders=30, seconds=1.5)
    assert clean, figure


@pytest.mark.slow
@pytest.mark.parametrize("fault", [servers.redis_flushed, servers.commits_unanswered])
async def test_under_load_nothing_is_lost_when(
    env: Environment, rng: random.Random, fault: servers.ServerFault
) -> None:
    figure, clean = await servers.under_load(fault, env, rng, orders=60, seconds=1.5)
    assert clean, figure


@pytest.mark.slow
async def test_watchers_that_are_killed_and_frozen_fire_each_order_once_and_miss_none(
    env: Environment, rng: random.Random
) -> None:
    figure, clean = await watcher_faults.killed_while_the_market_moves(env, rng, orders=600, moves=4)
    print(figure)
    assert clean, figure


@pytest.mark.slow
async def test_nothing_starts_or_is_sent_after_a_halt_was_answered(env: Environment, rng: random.Random) -> None:
    figure, clean = await kill_switch_faults.halted_under_load(env, rng, orders=60, seconds=2.0)
    assert clean, figure


@pytest.mark.slow
async def test_the_oracle_notices_a_swap_that_is_signed_again(env: Environment, rng: random.Random) -> None:
    await env.clear()
    env.start("api")
    verdict = await bug_detection.sign_again_on_resend(env, Clients(env.base_url, rng))
    assert verdict.twice


@pytest.mark.slow
async def test_an_order_whose_worker_was_killed_continues_within_ten_seconds(
    env: Environment, rng: random.Random
) -> None:
    """With the default lease of the engine; the battery uses a shorter one."""
    await env.clear()
    default = {"LEASE_SECONDS": "5", **processes.ASKING}
    env.start("api")
    sabotaged = env.start("worker", default, sabotage={"kill_at": {"when": "after", "what": "commit", "n": 2}})
    clients = Clients(env.base_url, rng)
    await clients.place(1)
    await sabotaged.exited()
    env.start("worker", default)
    verdict = await processes.verdict_of(env, clients)
    assert verdict.clean, verdict
    # The third event is the last of the dead worker, the fifth is the next start.
    span = "SELECT max(at) FILTER (WHERE seq = 5) - max(at) FILTER (WHERE seq = 3) FROM order_events"
    assert (await env.db.fetchval(span)).total_seconds() < 10
