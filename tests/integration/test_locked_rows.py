"""Somebody has locked a row that a watcher needs. It waits for nobody, and all others fire."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.orders.waiting import trailing
from app.orders.waiting.prices import Group, PriceStore
from app.orders.waiting.trailing import Trail, TrailingStops
from app.orders.waiting.triggers import Backlog, Marketable, TriggerStore
from tests.engine import eventually
from tests.waiting import FEED, SLOT, place_limit, place_open, place_trailing, record, statuses


@contextlib.asynccontextmanager
async def locked(pool: asyncpg.Pool, table: str, where: str, *arguments: Any) -> AsyncIterator[None]:
    """TimeoutError if what is done meanwhile waits for it."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SELECT FROM {table} WHERE {where} FOR UPDATE", *arguments)
        async with asyncio.timeout(2):
            yield


async def group_of(pool: asyncpg.Pool, *orders: UUID) -> None:
    group = uuid4()
    await pool.execute(
        "INSERT INTO order_groups (id, owner, type, fingerprint, created_at) VALUES ($1, 'alice', 'oco', '', now())",
        group,
    )
    for table, key in (("orders", "id"), ("triggers", "order_id")):
        await pool.execute(f"UPDATE {table} SET group_id = $1 WHERE {key} = ANY($2)", group, orders)


@pytest.fixture
def store(pool: asyncpg.Pool) -> TriggerStore:
    return TriggerStore(pool, max_age=4.0)


async def two_groups(pool: asyncpg.Pool) -> tuple[list[UUID], list[UUID]]:
    """Their stops, and their targets."""
    stops = await place_open(pool, ["151", "151"])
    targets = await place_open(pool, ["160", "160"], op="ge", order_type="take_profit")
    for pair in zip(stops, targets, strict=True):
        await group_of(pool, *pair)
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "150")
    return stops, targets


async def test_a_leg_that_is_locked_holds_back_its_own_group_only(pool: asyncpg.Pool, store: TriggerStore) -> None:
    stops, targets = await two_groups(pool)
    group = Group(FEED, "le", 2, Decimal(0))

    async def fire() -> list[UUID]:
        fired = await store.fire(group, SLOT, min_venues=2, backlog=Backlog(0, 0))
        return [moved.event.order_id for moved in fired]

    async with locked(pool, "triggers", "order_id = $1", targets[0]):
        assert await fire() == [stops[1]]
    assert await statuses(pool, stops) == ["open", "pending"]
    assert await fire() == [stops[0]]
    assert await pool.fetchval("SELECT count(*) FROM triggers WHERE NOT armed") == 2


async def test_a_group_whose_leg_was_changed_under_a_fire_waits_as_a_whole(
    pool: asyncpg.Pool, store: TriggerStore
) -> None:
    """The statement that fires locks the leg in its new version, and does not find that to delete it."""
    [stop], [target] = await place_open(pool, ["151"]), await place_open(pool, ["160"], op="ge")
    await group_of(pool, stop, target)
    await pool.execute("UPDATE triggers SET look_at = now() WHERE order_id = $1", stop)
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "150")
    for statement in (
        "CREATE FUNCTION wait() RETURNS bool LANGUAGE plpgsql VOLATILE AS"
        " $$BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN true; END$$",
        "ALTER TABLE prices RENAME TO recorded",
        "CREATE VIEW prices AS SELECT * FROM recorded WHERE wait()",
    ):
        await pool.execute(statement)
    group = Group(FEED, "le", 2, Decimal(0))
    async with pool.acquire() as somebody:
        await somebody.execute("SELECT pg_advisory_lock(1)")
        firing = asyncio.create_task(store.fire(group, SLOT, min_venues=2, backlog=Backlog(0, 0)))
        waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
        await eventually(lambda: somebody.fetchval(waits))
        assert await store.look_again() == 1
        await somebody.execute("SELECT pg_advisory_unlock(1)")
        assert await firing == []
    assert await pool.fetchval("SELECT bool_and(armed) FROM triggers")
    assert await pool.fetchval("SELECT holder FROM order_groups") is None
    [moved] = await store.fire(group, SLOT, min_venues=2, backlog=Backlog(0, 0))
    assert moved.event.order_id == stop


async def test_a_leg_that_is_locked_holds_back_no_limit_of_others(pool: asyncpg.Pool, store: TriggerStore) -> None:
    limit, other = [await place_limit(pool, "149", limit_out=1) for _ in range(2)]
    [leg] = await place_open(pool, ["140"])
    await group_of(pool, limit, leg)
    await record(pool, SLOT, "150")
    quoted = [
        Marketable(one, "150", "raydium")
        for one in await store.candidates(
            FEED,
            SLOT,
            9,
        )
    ]
    async with locked(pool, "triggers", "order_id = $1", leg):
        fired = await store.fire_quoted(FEED, SLOT, quoted, backlog=Backlog(0, 0))
    assert [moved.event.order_id for moved in fired] == [other]


async def test_deleting_old_prices_does_not_wait_for_a_slot_that_is_being_recorded(pool: asyncpg.Pool) -> None:
    """Which may wait in turn for the pair that was deleted before."""
    for feed in (FEED, "USDC/SOL"):
        await record(pool, SLOT, "150", age=3_700, feed=feed)
    async with locked(pool, "newest_slots", "feed = $1", FEED):
        await PriceStore(pool).delete_old()
    assert await pool.fetchval("SELECT array_agg(feed) FROM newest_slots") == [FEED]


async def test_a_watermark_that_is_locked_holds_back_its_own_orders_and_loses_no_high(pool: asyncpg.Pool) -> None:
    store, trail = TrailingStops(pool, max_age=4.0), Trail(FEED, 1, 2)
    [order] = await place_trailing(pool, ["150"])
    await record(pool, SLOT, "150")
    await store.follow(trail, SLOT)
    row = await pool.fetchval("SELECT id FROM watermarks")
    await record(pool, SLOT + 1, "170")
    [later] = await place_trailing(pool, ["150"])  # after the high
    await record(pool, SLOT + 2, "150")
    arguments = FEED, SLOT + 2, 4.0, 1, 2
    async with locked(pool, "watermarks", "id = $1", row):
        await pool.execute(trailing.RAISE, *arguments)
    assert len(await pool.fetch(trailing.BEGIN, *arguments, 9)) == 1
    assert await store.fire(trail, SLOT + 2, unit=Decimal("0.001"), backlog=Backlog(0, 0)) == []
    joined = await pool.fetchval("SELECT watermark FROM triggers WHERE order_id = $1", later)
    assert joined != row
    await record(pool, SLOT + 3, "150")
    await store.follow(trail, SLOT + 3)
    [moved] = await store.fire(trail, SLOT + 3, unit=Decimal("0.001"), backlog=Backlog(0, 0))
    assert (moved.event.order_id, moved.event.details["trigger"]["extreme"]) == (order, "170")
