"""A real primary and its synchronous standby, which is promoted while the old primary is cut off, and killed."""

import asyncio
import random
from collections.abc import Iterator

import asyncpg
import pytest

from app.postgres import hosts
from app.postgres.errors import DatabaseUnavailable
from app.postgres.hosts import connect
from app.postgres.pools import open_pool
from app.postgres.running import fetch
from app.preflight.servers import warn_if_a_fail_over_loses_writes
from tests.chaos.clients import Clients
from tests.chaos.oracle import judge
from tests.engine import running_engine
from tests.frozen import frozen
from tests.postgres_pair import Pair, running_pair

pytestmark = pytest.mark.slow

PORT = "SELECT inet_server_port() AS port"


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setattr(hosts, "_newest", {})  # all servers of the tests are copies of one
    with running_pair() as started:
        yield started


async def test_orders_go_on_at_the_standby_that_was_promoted(pair: Pair, redis_dsn: str) -> None:
    # A promotion begins a timeline: the engine reconciles with the chain, for as long as 151 blocks last.
    async with running_engine(pair.url, redis_dsn, mock_block_ms=20) as engine:
        await engine.start_worker()
        clients = Clients(engine.base_url, random.Random(1))
        await clients.place(10)
        loading = asyncio.create_task(clients.place(30, at_once=4))
        pair.kill(pair.primary)
        await pair.promote()
        await loading
        await clients.finish(within=20)
        async with asyncpg.create_pool(pair.standby.url, min_size=0) as db:
            verdict = await judge(db, accepted=clients.accepted, seen=clients.seen)
    assert verdict.clean, verdict
    assert verdict.orders == 40


async def test_a_write_that_no_standby_has_is_not_visible_after_it_was_given_up(pair: Pair) -> None:
    async with await open_pool(pair.url, 1, {}, command_timeout=0.3) as pool, asyncpg.create_pool(pair.url) as other:
        await other.execute("CREATE TABLE written (id int)")
        with frozen(pair.standby.process.pid):
            with pytest.raises(DatabaseUnavailable):
                await fetch(pool, "INSERT INTO written VALUES (1)")
            await asyncio.sleep(0.5)
            assert await other.fetch("SELECT FROM written") == []


async def test_a_primary_that_waits_for_its_standby_is_not_warned_of(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    await warn_if_a_fail_over_loses_writes(pair.url)
    assert not caplog.records


async def test_who_has_seen_the_new_primary_leaves_the_old_one_that_still_answers(pair: Pair) -> None:
    async with await open_pool(pair.url, 2, {}) as pool:
        assert [row["port"] for row in await fetch(pool, PORT)] == [pair.primary.port]
        waiting = asyncio.create_task(fetch(pool, "SELECT pg_sleep(9)"))
        await asyncio.sleep(0.1)
        await pair.promote()
        (await connect(pair.url)).terminate()  # as each process does every second

        with pytest.raises(DatabaseUnavailable):
            await waiting
        assert [row["port"] for row in await fetch(pool, PORT)] == [pair.standby.port]
    with pytest.raises(OSError, match="an old primary"):
        await connect(pair.url.replace(str(pair.standby.port), "1"))
