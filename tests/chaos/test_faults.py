"""A short slice of the battery, for every run of the tests; `make chaos` is the whole of it."""

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos import bug_detection
from tests.chaos import process_faults as processes
from tests.chaos import server_faults as servers
from tests.chaos.clients import Clients
from tests.chaos.environment import Environment, chaos_environment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def env() -> AsyncIterator[Environment]:
    async with chaos_environment() as made:
        yield made


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(100_000)
    print(f"seed {seed}")
    return random.Random(seed)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_worker_killed_after_it_committed_to_a_swap_or_sent_it_loses_and_doubles_nothing(
    env: Environment, rng: random.Random
) -> None:
    points = [("before", "commit", 3), ("after", "commit", 3), ("after", "send", 1)]
    figure, clean = await processes.killed_at_every_point(env, rng, repeats=1, points=points)
    assert clean, figure


async def test_a_worker_that_was_frozen_past_its_lease_writes_nothing_stale(
    env: Environment, rng: random.Random
) -> None:
    figure, clean = await processes.frozen_and_thawed(env, rng, orders=8)
    assert clean, figure


async def test_an_order_that_was_committed_but_never_queued_is_executed_once(
    env: Environment, rng: random.Random
) -> None:
    figure, clean = await processes.api_killed_before_queueing(env, rng, repeats=1)
    assert clean, figure


@pytest.mark.parametrize("fault", [servers.redis_flushed, servers.commits_unanswered, servers.postgres_killed])
async def test_under_load_nothing_is_lost_when(
    env: Environment, rng: random.Random, fault: servers.ServerFault
) -> None:
    figure, clean = await servers.under_load(fault, env, rng, orders=100)
    assert clean, figure


async def test_a_rolling_restart_shows_no_client_an_error(env: Environment, rng: random.Random) -> None:
    figure, clean = await processes.rolling_restart(env, rng, orders=100)
    assert clean, figure


@pytest.mark.parametrize("bug", [bug_detection.sign_again_on_resend, bug_detection.publish_before_commit])
async def test_the_oracle_notices(env: Environment, rng: random.Random, bug: bug_detection.Bug) -> None:
    await env.clear()
    env.start("api")
    verdict = await bug(env, Clients(env.base_url, rng))
    assert not verdict.clean


async def test_an_order_whose_worker_was_killed_goes_on_within_ten_seconds(
    env: Environment, rng: random.Random
) -> None:
    """With the lease that the engine has unless configured otherwise."""
    await env.clear()
    usual = {"LEASE_SECONDS": "5"}
    env.start("api")
    doomed = env.start("worker", usual, sabotage={"kill_at": {"when": "after", "what": "commit", "n": 2}})
    clients = Clients(env.base_url, rng)
    await clients.place(1)
    await doomed.exited()
    env.start("worker", usual)
    verdict = await processes.verdict_of(env, clients)
    assert verdict.clean, verdict
    # Its third event is the last of the dead worker, its fifth the next start.
    span = "SELECT max(at) FILTER (WHERE seq = 5) - max(at) FILTER (WHERE seq = 3) FROM order_events"
    assert (await env.db.fetchval(span)).total_seconds() < 10
