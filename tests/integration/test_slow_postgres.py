"""A Postgres far away, or slow, delays orders and stops none."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import pytest

from app.orders.events.publisher import EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.kill_switch.switch import CLEARANCE_SECONDS, KillSwitch
from app.orders.model import Order
from app.orders.store.writes import OrderStore
from app.postgres.errors import DatabaseUnavailable
from app.postgres.pools import open_postgres
from app.postgres.running import fetch
from tests.chaos.proxy import LinkState, Proxy
from tests.engine import HAPPY, Engine
from tests.fakes import in_a_while
from worker.lease import Lease


@contextlib.asynccontextmanager
async def far_away(dsn: str, one_way: float) -> AsyncIterator[tuple[str, Proxy]]:
    """The address of the same server, to which everything takes this many seconds, and back again."""
    parts = urlsplit(dsn)
    proxy = Proxy(parts.port or 5432)
    await proxy.start()
    proxy.throttle(one_way)
    login = parts.netloc.rpartition("@")[0]
    try:
        yield urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}")), proxy
    finally:
        await proxy.stop()


@contextlib.asynccontextmanager
async def leases(engine: Engine, dsn: str, count: int) -> AsyncIterator[list[Lease]]:
    """Of orders whose swaps are to be sent, in a worker with two connections for this."""
    order = UUID((await engine.place())["orderId"])
    store = OrderStore(engine.postgres)
    claimed = await store.claim(order, start_by=in_a_while())
    assert isinstance(claimed, Order)
    publisher = EventPublisher(engine.redis, EventSignatures("secret"), keep_seconds=60)
    pool = await asyncpg.create_pool(dsn, min_size=0, max_size=2)
    try:
        kill_switch = KillSwitch(pool)
        await kill_switch.read()
        yield [Lease(claimed, store, publisher, kill_switch) for _ in range(count)]
    finally:
        pool.terminate()


async def test_fifty_swaps_are_cleared_to_be_sent_although_postgres_is_far_away(
    engine: Engine, postgres_dsn: str
) -> None:
    async with far_away(postgres_dsn, 0.04) as (dsn, _), leases(engine, dsn, 50) as held:
        async with asyncio.timeout(5):
            until = await asyncio.gather(*(lease.clear_to_send() for lease in held))
        assert min(until) > time.monotonic()  # time is left to send it in


async def test_a_permission_that_comes_too_late_is_none(engine: Engine, postgres_dsn: str) -> None:
    async with far_away(postgres_dsn, 0.0) as (dsn, proxy), leases(engine, dsn, 1) as (lease,):
        proxy.throttle(CLEARANCE_SECONDS * 0.7)
        with pytest.raises(DatabaseUnavailable):
            async with asyncio.timeout(5):
                await lease.clear_to_send()


@pytest.mark.slow
async def test_orders_are_executed_although_postgres_is_200_ms_away(engine: Engine, postgres_dsn: str) -> None:
    async with far_away(postgres_dsn, 0.1) as (dsn, _):
        await engine.start_worker(database_url=dsn)
        orders = [(await engine.place())["orderId"] for _ in range(10)]
        streams = await asyncio.gather(*(engine.read_stream(order, within=30) for order in orders))
    assert [stream.statuses for stream in streams] == [HAPPY] * 10


async def test_a_process_ends_although_postgres_does_not_answer(postgres_dsn: str) -> None:
    """It ended with an error, after ten seconds for each of its pools."""
    async with far_away(postgres_dsn, 0.0) as (dsn, proxy):
        postgres = await open_postgres(dsn, size=12)
        await fetch(postgres.writing, "SELECT")
        proxy.set(LinkState.STALLED)
        await postgres.close()
