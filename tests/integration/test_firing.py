"""The statements that fire stops and take-profits, against recorded prices: when, when not, and once."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import pytest

from app.orders.waiting import triggers
from app.orders.waiting.prices import Group, Price, PriceStore
from app.orders.waiting.triggers import BATCH, Backlog, Moved, Refused, TriggerStore
from tests.waiting import FEED, SLOT, place_limit, place_open, record, statuses

STOPS, TARGETS = (Group(FEED, op, 2, Decimal(0)) for op in ("le", "ge"))


@pytest.fixture
def store(pool: asyncpg.Pool) -> TriggerStore:
    return TriggerStore(pool, max_age=4.0)


async def fire(store: TriggerStore, group: Group = STOPS, slot: int = SLOT, *, min_venues: int = 2) -> list[Moved]:
    return await store.fire(group, slot, min_venues=min_venues, backlog=Backlog(99, 100))


async def test_a_stop_fires_when_its_level_is_met_in_two_slots_in_a_row(
    pool: asyncpg.Pool, store: TriggerStore
) -> None:
    [met, other] = await place_open(pool, ["145", "139.9"])
    await record(pool, SLOT - 1, "144")
    assert await fire(store, slot=SLOT - 1) == []  # one slot
    await record(pool, SLOT, "140", high="142.5")
    [moved] = await fire(store)
    assert (moved.event.order_id, moved.event.status, moved.event.seq) == (met, "pending", 2)
    assert moved.event.details == {
        "trigger": {"slot": SLOT, "price": "144", "level": "145", "source": "venues"},
        "startsInMs": 60_000,
    }
    assert await statuses(pool, [met, other]) == ["pending", "open"]
    logged = await pool.fetchrow("SELECT details::jsonb AS details, status FROM order_events WHERE seq = 2")
    assert logged is not None
    assert logged["status"] == "pending"
    assert await pool.fetchval("SELECT array_agg(order_id) FROM triggers") == [other]
    assert await fire(store) == []


@pytest.mark.parametrize(
    ("backlog", "expected"),
    [
        (Backlog(-2, 2), [0, 0, 60_000]),
        (Backlog(2, 2), [120_000, 120_000, 180_000]),
        (Backlog(0, 0), [0, 0, 0]),
        (Backlog(None, 100), [None] * 3),
    ],
)
async def test_the_event_says_when_each_order_can_start(
    pool: asyncpg.Pool, store: TriggerStore, backlog: Backlog, expected: list[int | None]
) -> None:
    await place_open(pool, ["145"] * 3)
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "144")
    moved = await store.fire(STOPS, SLOT, min_venues=2, backlog=backlog)
    starts = [one.event.details.get("startsInMs") for one in moved]
    assert sorted(starts, key=lambda ms: ms or 0) == expected


async def test_a_gap_between_the_slots_begins_anew(pool: asyncpg.Pool, store: TriggerStore) -> None:
    await place_open(pool, ["145"])
    await record(pool, SLOT - 2, "144")
    await record(pool, SLOT, "144")
    assert await fire(store) == []
    await record(pool, SLOT + 1, "144")
    assert len(await fire(store, slot=SLOT + 1)) == 1


async def test_the_venue_that_is_further_from_the_level_decides(pool: asyncpg.Pool, store: TriggerStore) -> None:
    await place_open(pool, ["145"])
    await place_open(pool, ["155"], order_type="take_profit", op="ge")
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "144", high="156")
    assert await fire(store) == []
    assert await fire(store, TARGETS) == []
    for slot in (SLOT + 1, SLOT + 2):
        await record(pool, slot, "155", high="156")
    assert [one.type for one in await fire(store, TARGETS, SLOT + 2)] == ["take_profit"]


async def test_an_order_does_not_fire_on_a_price_of_before_it_was_placed_or_amended(
    pool: asyncpg.Pool, store: TriggerStore
) -> None:
    """A watcher that is late compares a slot whose price is over by then."""
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "144")
    [order] = await place_open(pool, ["145"])
    assert await fire(store) == []
    await record(pool, SLOT + 1, "144")
    await pool.execute("UPDATE orders SET updated_at = clock_timestamp()")  # as amending does
    assert await fire(store, slot=SLOT + 1) == []
    await pool.execute("UPDATE orders SET updated_at = now() + interval '1 hour'")  # and then the clock was set back
    assert [moved.event.order_id for moved in await fire(store, slot=SLOT + 1)] == [order]


@pytest.mark.parametrize("age", [4.5, -0.5])
async def test_a_price_that_is_too_old_or_ahead_of_the_clock_fires_nothing(
    pool: asyncpg.Pool, store: TriggerStore, age: float
) -> None:
    await place_open(pool, ["145"])
    await pool.execute("UPDATE orders SET updated_at = now() - interval '1 minute'")  # they waited before that price
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "144", age=age)
    assert await fire(store) == []


async def test_a_quote_of_a_price_that_is_too_old_puts_no_limit_aside(pool: asyncpg.Pool, store: TriggerStore) -> None:
    """The watcher was frozen since."""
    await place_limit(pool, "149", limit_out=1)
    await record(pool, SLOT, "150")
    refused = [Refused(one, Decimal(160), 60) for one in await store.candidates(FEED, SLOT, 9)]
    for age, aside in (("5 seconds", 0), ("0 seconds", 1)):
        await pool.execute(f"UPDATE prices SET at = clock_timestamp() - interval '{age}'")
        assert await store.put_aside(FEED, SLOT, refused) == aside


async def test_after_the_clock_was_set_back_nothing_fires(pool: asyncpg.Pool, store: TriggerStore) -> None:
    await place_open(pool, ["145"])
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "144")
    await record(pool, SLOT + 1500, "150", age=-600)  # recorded before
    assert await fire(store) == []
    assert await PriceStore(pool).delete_ahead() == 1
    assert len(await fire(store)) == 1


async def test_recorded_slots_never_decrease_and_the_first_watcher_wins(pool: asyncpg.Pool) -> None:
    store, price = PriceStore(pool), Price(Decimal(3), Decimal(1), Decimal(2), 2)
    now = await pool.fetchval("SELECT now()")
    for slot, found in ((SLOT, price), (SLOT, Price(Decimal(9), Decimal(9), Decimal(9), 9)), (SLOT - 1, price)):
        await store.tick({FEED: found}, slot, now, slots=1)
    rows = (await store.tick({FEED: None}, SLOT, now, slots=5)).rows[FEED]
    assert {slot: [row.best, row.low, row.high] for slot, row in rows.items()} == {
        SLOT: [Decimal(n) for n in (3, 1, 2)]
    }


async def test_one_venue_fires_nothing_where_two_trade_the_pair(pool: asyncpg.Pool, store: TriggerStore) -> None:
    await place_open(pool, ["145"])
    await record(pool, SLOT - 1, "144", venues=2)
    await record(pool, SLOT, "144", venues=1)
    assert await fire(store) == []
    assert len(await fire(store, min_venues=1)) == 1


async def test_the_kill_switch_holds_orders_that_wait(pool: asyncpg.Pool, store: TriggerStore) -> None:
    await place_open(pool, ["151"], owner="alice")
    await place_open(pool, ["151"], owner="bob")
    await place_open(pool, ["149"], owner="bob", order_type="take_profit", op="ge")
    await place_open(pool, ["149"], owner="bob", order_type="sniper", op="ge")
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "150")

    async def set_state(scope: str, state: str) -> None:
        await pool.execute("DELETE FROM trading_states")
        await pool.execute("INSERT INTO trading_states VALUES ($1, $2, 'test', 'test', now())", scope, state)

    await set_state("*", "halted")
    assert await fire(store) + await fire(store, TARGETS) == []
    await set_state("alice", "halted")
    assert [one.owner for one in await fire(store)] == ["bob"]
    await set_state("*", "reducing")
    assert [one.type for one in await fire(store, TARGETS)] == ["take_profit"]
    assert [one.owner for one in await fire(store)] == ["alice"]


async def test_an_order_that_waits_after_a_lost_price_is_not_fired_before_its_time(
    pool: asyncpg.Pool, store: TriggerStore
) -> None:
    await place_open(pool, ["151"])
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "150")
    await pool.execute("UPDATE triggers SET look_at = now() + interval '1 second'")
    assert await fire(store) == []
    await pool.execute("UPDATE triggers SET look_at = now()")
    assert len(await fire(store)) == 1


async def test_many_watchers_at_once_fire_each_order_once(pool: asyncpg.Pool, store: TriggerStore) -> None:
    orders = await place_open(pool, [Decimal(151 + n % 7) for n in range(2 * BATCH)])
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "150")

    async def drain() -> list[Moved]:
        fired: list[Moved] = []
        while batch := await fire(store):
            fired += batch
        return fired

    fired = [one.event.order_id for of_one in await asyncio.gather(*(drain() for _ in range(5))) for one in of_one]
    # A batch skips what another one has locked, so one more look comes after all of them.
    fired += [one.event.order_id for one in await drain()]
    assert sorted(fired) == sorted(orders)
    assert await pool.fetchval("SELECT count(*) FROM order_events WHERE status = 'pending'") == len(orders)


async def test_an_order_whose_time_is_up_expires_and_does_not_fire(pool: asyncpg.Pool, store: TriggerStore) -> None:
    [late, other] = await place_open(pool, ["151"], expires_in=-1) + await place_open(pool, ["140"], expires_in=60)
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "150")
    assert await fire(store) == []
    [moved] = await store.expire()
    assert (moved.event.order_id, moved.event.status) == (late, "expired")
    assert moved.event.details["code"] == "expired"
    assert await pool.fetchval("SELECT array_agg(order_id) FROM triggers") == [other]


async def test_orders_whose_time_is_up_take_no_place_of_others(
    pool: asyncpg.Pool, store: TriggerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triggers, "BATCH", 2)
    await place_open(pool, ["152", "152"], expires_in=-1)
    [met] = await place_open(pool, ["151"])
    for slot in (SLOT - 1, SLOT):
        await record(pool, slot, "150")
    assert [moved.event.order_id for moved in await fire(store)] == [met]


async def test_old_prices_are_deleted(pool: asyncpg.Pool) -> None:
    await record(pool, SLOT, "150", age=3_700)
    await record(pool, SLOT + 1, "150", age=3_500)
    assert await PriceStore(pool).delete_old() == 1
    assert await pool.fetchval("SELECT array_agg(slot) FROM prices") == [SLOT + 1]
    assert await pool.fetchval("SELECT slot FROM newest_slots") == SLOT + 1
    await pool.execute("UPDATE newest_slots SET at = at - interval '1 hour'")
    await PriceStore(pool).delete_old()
    assert await pool.fetchval("SELECT count(*) FROM newest_slots") == 0


async def test_the_groups_are_the_pairs_that_orders_wait_for_with_their_first_levels(pool: asyncpg.Pool) -> None:
    await place_open(pool, ["140", "141"])
    await place_open(pool, ["139"], persist=3)
    await place_open(pool, ["160", "159"], op="ge", order_type="take_profit")
    await place_open(pool, ["0.006"], pair=("USDC", "SOL"))
    await pool.execute("UPDATE triggers SET armed = false WHERE level = 141")
    groups = (await PriceStore(pool).tick({}, SLOT, datetime.now(UTC), slots=1)).groups
    assert sorted((one.feed, one.op, one.persist, one.level) for one in groups) == [
        (FEED, "ge", 2, Decimal(159)),
        (FEED, "le", 2, Decimal(140)),
        (FEED, "le", 3, Decimal(139)),
        ("USDC/SOL", "le", 2, Decimal("0.006")),
    ]
