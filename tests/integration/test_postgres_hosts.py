"""Several hosts in DATABASE_URL. `tests/integration/test_postgres_failover.py` promotes a real standby."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.postgres.errors import DatabaseUnavailable
from app.postgres.hosts import connect, hosts_of
from app.postgres.pools import open_pool
from app.postgres.running import fetch
from app.preflight.servers import warn_if_a_fail_over_loses_writes
from migrations.upgrade import upgrade
from tests.engine import HAPPY, eventually, running_engine


def behind(dsn: str, port: int) -> str:
    """Another host, named before the one of this address."""
    login, _, host = urlsplit(dsn).netloc.rpartition("@")
    return (
        urlsplit(dsn)._replace(netloc=f"{login}@127.0.0.1:{port},{host}", query="target_session_attrs=primary").geturl()
    )


@asynccontextmanager
async def silent_host() -> AsyncIterator[int]:
    """The port of a host that takes connections and never answers."""

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()
        left.set()

    left = asyncio.Event()
    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await asyncio.wait_for(left.wait(), 10)


async def test_everything_finds_the_primary_behind_a_host_that_is_down(postgres_dsn: str, redis_dsn: str) -> None:
    address = behind(postgres_dsn, 1)
    await asyncio.to_thread(upgrade, address)
    async with running_engine(address, redis_dsn) as engine:
        await engine.start_worker()
        order = await engine.place()
        assert (await engine.read_stream(order["orderId"])).statuses == HAPPY


async def test_a_host_that_does_not_answer_holds_nobody_up(postgres_dsn: str) -> None:
    async with silent_host() as port:
        began = time.monotonic()
        (await connect(behind(postgres_dsn, port))).terminate()
    assert time.monotonic() - began < 1


async def test_without_a_primary_the_reasons_are_named(postgres_dsn: str) -> None:
    wrong = behind(postgres_dsn, 1).replace(urlsplit(postgres_dsn).password or "", "wrong")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await connect(wrong)
    with pytest.raises(OSError, match="no primary: "):
        await connect("postgresql://127.0.0.1:1,127.0.0.1:2/db")


async def test_a_write_that_takes_too_long_is_left_and_not_cancelled(postgres_dsn: str) -> None:
    """A cancelled write that waits for a standby becomes visible, and the standby may never get it."""
    pid = "SELECT pg_backend_pid() AS pid"
    running = "SELECT state FROM pg_stat_activity WHERE pid = $1"
    async with (
        await open_pool(postgres_dsn, 1, {}, command_timeout=0.1) as pool,
        asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as other,
    ):
        ((before,),) = await fetch(pool, pid)
        with pytest.raises(DatabaseUnavailable):
            await fetch(pool, "SELECT pg_sleep(9)")
        ((after,),) = await fetch(pool, pid)
        assert after != before
        assert await other.fetchval(running, before) == "active"
        async with asyncio.timeout(5):
            while await other.fetchval(running, before):  # it ends by itself once its client is gone
                await asyncio.sleep(0.05)


async def test_a_connection_to_a_server_that_takes_no_more_writes_is_dropped(postgres_dsn: str) -> None:
    pid = "SELECT pg_backend_pid() AS pid"
    async with await open_pool(postgres_dsn, 1, {}) as pool:
        before = await fetch(pool, pid)
        await fetch(pool, "SET default_transaction_read_only = on")
        with pytest.raises(DatabaseUnavailable):
            await fetch(pool, "CREATE TABLE refused ()")
        assert await fetch(pool, pid) != before


async def test_a_primary_that_waits_for_no_standby_is_warned_of(
    postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    await warn_if_a_fail_over_loses_writes(postgres_dsn)
    assert not caplog.records
    await warn_if_a_fail_over_loses_writes(behind(postgres_dsn, 1))
    assert "loses the latest orders" in caplog.text


@pytest.mark.parametrize(
    ("address", "hosts"),
    [
        ("postgresql://u:p@h1:5432,h2:5433/db?target_session_attrs=read-write", [("h1", "5432"), ("h2", "5433")]),
        ("postgresql://h1,h2/db", [("h1", "5432"), ("h2", "5432")]),
        ("postgresql://u@[::1]:1,[::2]/db", [("::1", "1"), ("::2", "5432")]),
        ("postgresql:///db?host=h1,h2&port=1,2", [("h1", "1"), ("h2", "2")]),
        ("postgresql:///db?host=/run/postgresql", [("/run/postgresql", "5432")]),
        ("postgresql://u@%2Frun%2Fpostgresql/db", [("/run/postgresql", "5432")]),
    ],
)
def test_the_hosts_of_an_address(address: str, hosts: list[tuple[str, str]]) -> None:
    assert hosts_of(address) == hosts


async def test_a_task_that_is_cancelled_in_a_statement_ends_as_cancelled(postgres_dsn: str) -> None:
    pool, other = await open_pool(postgres_dsn, 1, {}), await asyncpg.connect(postgres_dsn)
    runs = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query = $1 AND state = 'active')"
    try:
        for sleep in ("SELECT pg_sleep(5)", "SELECT pg_sleep(6)"):
            task = asyncio.create_task(fetch(pool, sleep))
            await eventually(partial(other.fetchval, runs, sleep))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert [row["one"] for row in await fetch(pool, "SELECT 1 AS one")] == [1]
    finally:
        await pool.close()
        await other.close()


async def test_a_process_asks_postgres_once_what_an_array_is_made_of(postgres_dsn: str) -> None:
    for _ in range(2):
        async with await open_pool(postgres_dsn, 1, {}) as pool:
            assert await pool.fetchval("SELECT $1::uuid[]", []) == []
            prepared = await pool.fetch("SELECT statement FROM pg_prepared_statements")
    assert not [row["statement"] for row in prepared if "pg_type" in row["statement"]]
