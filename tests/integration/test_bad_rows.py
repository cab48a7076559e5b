"""Orders of all owners fire and end in batches: one that fails, or that somebody has locked, stops no other one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.orders.waiting import triggers
from app.orders.waiting.prices import Group
from app.orders.waiting.trailing import Trail, TrailingStops
from app.orders.waiting.triggers import Backlog, Marketable, Moved, TriggerStore
from tests.waiting import FEED, SLOT, place_limit, place_open, place_trailing, record

STOPS = Group(FEED, "le", 2, Decimal(0))
NONE_AHEAD = Backlog(0, 0)
FAILS = "INSERT INTO order_events (order_id, seq, status, attempt, at) VALUES ($1, 2, 'open', 0, now())"

Placed = tuple[Sequence[UUID], Callable[[TriggerStore], Awaitable[list[Moved]]]]  # and what changes them
Kind = Callable[[asyncpg.Pool], Awaitable[Placed]]


@pytest.fixture
def store(pool: asyncpg.Pool) -> TriggerStore:
    return TriggerStore(pool, max_age=60.0)


async def stops(pool: asyncpg.Pool) -> Placed:
    orders = await place_open(pool, ["151", "152", "153"])
    return orders, lambda store: store.fire(STOPS, SLOT, min_venues=2, backlog=NONE_AHEAD)


async def limits(pool: asyncpg.Pool) -> Placed:
    """They were put aside, and the price has moved past what their quotes have asked for since."""
    orders = [await place_limit(pool, level, limit_out=1) for level in ("147", "148", "149")]
    await pool.execute("UPDATE triggers SET level = level + 0.5, look_at = now() + interval '1 minute'")

    async def fire(store: TriggerStore) -> list[Moved]:
        found = await store.candidates(FEED, SLOT, 100)
        quoted = [Marketable(one, "150", "raydium") for one in found]
        return await store.fire_quoted(FEED, SLOT, quoted, backlog=NONE_AHEAD)

    return orders, fire


async def trailing_stops(pool: asyncpg.Pool) -> Placed:
    trail, trailing = Trail(FEED, 2, 2), TrailingStops(pool, max_age=60.0)

    async def fire(_store: TriggerStore) -> list[Moved]:
        await trailing.follow(trail, SLOT)
        return await trailing.fire(trail, SLOT, unit=Decimal("0.001"), backlog=NONE_AHEAD)

    return await place_trailing(pool, ["158", "160", "160"], persist=2), fire


async def too_late(pool: asyncpg.Pool) -> Placed:
    return await place_open(pool, ["100"] * 3, expires_in=-1), TriggerStore.expire


async def beyond_mid(pool: asyncpg.Pool) -> Placed:
    orders = [await place_limit(pool, "200", limit_out=1, time_in_force="ioc", expires_in=5) for _ in range(3)]
    return orders, TriggerStore.refuse_at_mid


ALL = pytest.mark.parametrize("kind", [stops, trailing_stops, limits, too_late, beyond_mid])


async def opened(kind: Kind, pool: asyncpg.Pool) -> Placed:
    orders, change = await kind(pool)
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "150")
    return orders, change


@ALL
async def test_an_order_that_fails_is_left_out_and_named(
    pool: asyncpg.Pool, store: TriggerStore, kind: Kind, caplog: pytest.LogCaptureFixture
) -> None:
    orders, change = await opened(kind, pool)
    await pool.execute(FAILS, orders[1])
    assert {one.event.order_id for one in await change(store)} == {orders[0], orders[2]}
    assert [vars(line)["row"] for line in caplog.records if "left out" in line.message] == [str(orders[1])]
    caplog.clear()
    assert await change(store) == []
    assert not caplog.records


@ALL
@pytest.mark.parametrize(("table", "key"), [("orders", "id"), ("triggers", "order_id")])
async def test_an_order_that_somebody_has_locked_is_passed_over(
    pool: asyncpg.Pool, store: TriggerStore, kind: Kind, table: str, key: str
) -> None:
    orders, change = await opened(kind, pool)
    async with pool.acquire() as other, other.transaction():
        await other.execute(f"SELECT FROM {table} WHERE {key} = $1 FOR UPDATE", orders[0])
        changed = await asyncio.wait_for(change(store), 2)
    assert {one.event.order_id for one in changed} == set(orders[1:])
    assert [one.event.order_id for one in await change(store)] == [orders[0]]


async def test_orders_that_may_not_fire_hide_none_that_fails(
    pool: asyncpg.Pool, store: TriggerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of them is nearer to the price."""
    monkeypatch.setattr(triggers, "BATCH", 3)
    await place_open(pool, ["160"] * 3, owner="halted")
    await pool.execute("INSERT INTO trading_states VALUES ('halted', 'halted', 'test', 'test', now())")
    orders, change = await opened(stops, pool)
    await pool.execute(FAILS, orders[1])
    assert {one.event.order_id for one in await change(store)} == {orders[0], orders[2]}


async def test_a_start_that_is_months_away_is_no_error(pool: asyncpg.Pool, store: TriggerStore) -> None:
    await opened(stops, pool)
    moved = await store.fire(STOPS, SLOT, min_venues=2, backlog=Backlog(40_000, 1))
    assert sorted(one.event.details["startsInMs"] for one in moved) == [n * 60_000 for n in (40_001, 40_002, 40_003)]
