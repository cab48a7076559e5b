"""A short slice of the battery, for every run of the tests; `make chaos` is the whole of it."""

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos import bugs
from tests.chaos import faults_of_processes as processes
from tests.chaos import faults_of_servers as servers
from tests.chaos.crowd import Crowd
from tests.chaos.stage import Scene, scene


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Scene]:
    async with scene() as made:
        yield made


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(100_000)
    print(f"seed {seed}")
    return random.Random(seed)


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_worker_killed_after_it_committed_to_a_swap_or_sent_it_loses_and_doubles_nothing(
    stage: Scene, rng: random.Random
) -> None:
    points = [("before", "commit", 3), ("after", "commit", 3), ("after", "send", 1)]
    figure, clean = await processes.killed_at_every_point(stage, rng, repeats=1, points=points)
    assert clean, figure


async def test_a_worker_that_was_frozen_past_its_lease_writes_nothing_stale(stage: Scene, rng: random.Random) -> None:
    figure, clean = await processes.frozen_and_thawed(stage, rng, orders=8)
    assert clean, figure


async def test_an_order_that_was_committed_but_never_queued_is_executed_once(stage: Scene, rng: random.Random) -> None:
    figure, clean = await processes.api_killed_before_queueing(stage, rng, repeats=1)
    assert clean, figure


@pytest.mark.parametrize("blow", [servers.redis_flushed, servers.commits_unanswered, servers.postgres_killed])
async def test_under_load_nothing_is_lost_when(stage: Scene, rng: random.Random, blow: servers.Blow) -> None:
    figure, clean = await servers.under(blow, stage, rng, orders=100)
    assert clean, figure


async def test_a_rolling_restart_shows_no_client_an_error(stage: Scene, rng: random.Random) -> None:
    figure, clean = await processes.rolling_restart(stage, rng, orders=100)
    assert clean, figure


@pytest.mark.parametrize("bug", [bugs.sign_again_on_resend, bugs.publish_before_commit])
async def test_the_oracle_notices(stage: Scene, rng: random.Random, bug: bugs.Bug) -> None:
    await stage.clear()
    stage.start("api")
    verdict = await bug(stage, Crowd(stage.base_url, rng))
    assert not verdict.clean


async def test_an_order_whose_worker_was_killed_goes_on_within_ten_seconds(stage: Scene, rng: random.Random) -> None:
    """With the lease that the engine has unless configured otherwise."""
    await stage.clear()
    usual = {"LEASE_SECONDS": "5"}
    stage.start("api")
    doomed = stage.start("worker", usual, fate={"die": {"when": "after", "what": "commit", "n": 2}})
    crowd = Crowd(stage.base_url, rng)
    await crowd.place(1)
    await doomed.gone()
    stage.start("worker", usual)
    verdict = await processes.verdict_of(stage, crowd)
    assert verdict.clean, verdict
    # Its third event is the last of the dead worker, its fifth the next start.
    span = "SELECT max(at) FILTER (WHERE seq = 5) - max(at) FILTER (WHERE seq = 3) FROM order_events"
    assert (await stage.db.fetchval(span)).total_seconds() < 10
