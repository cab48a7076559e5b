"""The statements that make trailing stops follow the price, and fire them, against recorded prices."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.orders.conditions import amount_at, less
from app.orders.waiting.prices import PriceStore
from app.orders.waiting.trailing import Trail, TrailingStops
from app.orders.waiting.triggers import Backlog, Moved
from tests.waiting import FEED, SLOT, place_trailing, record

UNIT = Decimal("0.001")  # USDC has 6 decimals, SOL 9
SIZE = 1_500_000_000  # 1.5 SOL
ROWS = "SELECT extreme FROM watermarks ORDER BY extreme DESC"


@pytest.fixture
def store(pool: asyncpg.Pool) -> TrailingStops:
    return TrailingStops(pool, max_age=4.0)


@dataclass
class Watcher:
    """What a watcher does at a slot. All are of persist 1 and two venues unless said otherwise."""

    store: TrailingStops
    trail: Trail = field(default_factory=lambda: Trail(FEED, 1, 2))

    async def at(self, slot: int) -> list[Moved]:
        await self.store.follow(self.trail, slot)
        return await self.fire(slot)

    async def fire(self, slot: int) -> list[Moved]:
        fired: list[Moved] = []
        while batch := await self.store.fire(self.trail, slot, unit=UNIT, backlog=Backlog(0, 100)):
            fired += batch
        return fired


def ids(moved: Sequence[Moved]) -> list[UUID]:
    return [one.event.order_id for one in moved]


async def extremes(pool: asyncpg.Pool) -> list[int | Decimal]:
    return [row["extreme"] for row in await pool.fetch(ROWS)]


async def test_it_follows_a_rise_and_fires_after_the_fall_at_the_floor_of_its_level(
    pool: asyncpg.Pool, store: TrailingStops
) -> None:
    [order] = await place_trailing(pool, ["150"])
    watcher = Watcher(store)
    for slot, price in enumerate(("149", "160", "170", "161.6"), SLOT):
        await record(pool, slot, price)
        assert await watcher.at(slot) == []
    await record(pool, SLOT + 4, "161.4", high="161.5")
    [moved] = await watcher.at(SLOT + 4)
    assert moved.event.details["trigger"] == {
        "slot": SLOT + 4,
        "price": "161.5",
        "level": "161.5",
        "source": "venues",
        "extreme": "170",
    }
    [row] = await pool.fetch("SELECT status, extreme, limit_out FROM orders WHERE id = $1", order)
    assert dict(row) == {
        "status": "pending",
        "extreme": 170,
        "limit_out": amount_at(less(Decimal("161.5"), 300), SIZE, 9, 6),
    }
    assert await pool.fetchval("SELECT count(*) FROM triggers") == 0


async def test_one_venue_alone_neither_raises_an_extreme_nor_fires(pool: asyncpg.Pool, store: TrailingStops) -> None:
    await place_trailing(pool, ["150"])
    watcher = Watcher(store)
    for slot, (low, high) in enumerate((("150", "170"), ("140", "150")), SLOT):
        await record(pool, slot, low, high=high)
        assert await watcher.at(slot) == []
    await record(pool, SLOT + 2, "170", venues=1)
    await record(pool, SLOT + 3, "140", venues=1)
    assert await watcher.at(SLOT + 2) + await watcher.at(SLOT + 3) == []
    assert await extremes(pool) == [150]


async def test_a_price_counts_once_it_has_held_for_its_slots(pool: asyncpg.Pool, store: TrailingStops) -> None:
    await place_trailing(pool, ["150"], persist=2)
    watcher = Watcher(store, Trail(FEED, 2, 2))
    prices = {0: "160", 1: "158", 2: "170", 4: "150", 5: "150.2", 6: "150"}  # 3: a gap
    fired = {}
    for at, price in prices.items():
        await record(pool, SLOT + at, price)
        fired[at] = len(await watcher.at(SLOT + at))
    assert fired == {0: 0, 1: 0, 2: 0, 4: 0, 5: 0, 6: 0}
    assert await extremes(pool) == [158]
    await record(pool, SLOT + 7, "150.1")
    assert len(await watcher.at(SLOT + 7)) == 1  # 158 less 5 % is 150.1


@pytest.mark.parametrize("armed", [True, False])  # no: a sibling fires at the same price, and is not filled
async def test_it_begins_at_its_activation_price(pool: asyncpg.Pool, store: TrailingStops, armed: bool) -> None:
    [order] = await place_trailing(pool, ["0"], activation="160")
    await pool.execute("UPDATE triggers SET armed = $1", armed)
    watcher = Watcher(store)
    for slot, price in enumerate(("159", "100", "161", "155"), SLOT):
        await record(pool, slot, price)
        assert await watcher.at(slot) == []
    assert await extremes(pool) == [161]
    await pool.execute("UPDATE triggers SET armed = true")
    await record(pool, SLOT + 4, "152.9")
    assert ids(await watcher.at(SLOT + 4)) == [order]


async def test_orders_that_have_seen_the_same_share_a_row_and_are_not_touched_by_a_rise(
    pool: asyncpg.Pool, store: TrailingStops
) -> None:
    watcher, slot = Watcher(store), SLOT
    for seen in ("150", "149", "148"):
        await place_trailing(pool, [seen] * 50, bps=5000)
        await record(pool, slot, seen)
        await watcher.at(slot)
        slot += 1
    assert await extremes(pool) == [150, 149, 148]
    await record(pool, slot, "151")
    await watcher.at(slot)
    assert await extremes(pool) == [151, 149, 148]  # those without orders are deleted later
    touched = "SELECT max(xmin::text::bigint) FROM triggers"
    before = await pool.fetchval(touched)
    for more in range(1, 5):
        await record(pool, slot + more, str(151 + more))
        await watcher.at(slot + more)
    assert await pool.fetchval(touched) == before
    assert (await extremes(pool))[0] == 155
    assert await pool.fetchval("SELECT count(DISTINCT watermark) FROM triggers") == 1
    await record(pool, slot + 200, "150")
    assert await store.delete_unused() == 2
    assert await extremes(pool) == [155]


@pytest.mark.parametrize("age", [4.5, -0.5])
async def test_a_stale_price_neither_raises_an_extreme_nor_fires(
    pool: asyncpg.Pool, store: TrailingStops, age: float
) -> None:
    await place_trailing(pool, ["150"])
    await pool.execute("UPDATE orders SET updated_at = now() - interval '1 minute'")
    await Watcher(store).at(SLOT)
    await record(pool, SLOT + 1, "170", age=age)
    assert await Watcher(store).at(SLOT + 1) == []
    await record(pool, SLOT + 2, "140", age=age)
    assert await Watcher(store).at(SLOT + 2) == []
    assert await extremes(pool) in ([], [150])


async def test_an_extreme_that_was_recorded_and_not_committed_is_not_passed_over(
    pool: asyncpg.Pool, store: TrailingStops
) -> None:
    """The watcher that recorded the high has died before it raised the extreme. Fired at the old one, the order would
    have a lower floor.
    """
    await place_trailing(pool, ["150"])
    watcher = Watcher(store)
    await record(pool, SLOT, "150")
    await watcher.at(SLOT)
    await record(pool, SLOT + 1, "170")  # nobody compares this slot
    await record(pool, SLOT + 2, "140")
    assert await watcher.fire(SLOT + 2) == []
    [moved] = await watcher.at(SLOT + 2)
    assert moved.event.details["trigger"]["level"] == "161.5"


@pytest.mark.parametrize("case", ["begins", "joins", "rises"])
async def test_a_high_that_is_recorded_after_its_slot_was_compared_is_not_passed_over(
    pool: asyncpg.Pool, store: TrailingStops, case: str
) -> None:
    """A watcher that has no price of its own compares a slot before another one has recorded it."""
    watcher = Watcher(store)
    await place_trailing(pool, ["150"])
    await record(pool, SLOT, "150")
    if case != "begins":
        await watcher.at(SLOT)
        if case == "joins":
            await place_trailing(pool, ["150"])
        await record(pool, SLOT + 1, {"joins": "150", "rises": "155"}[case])
    await watcher.at(SLOT + 2)
    assert await pool.fetchval("SELECT count(*) FROM triggers WHERE op = 'start'") == 0
    await record(pool, SLOT + 2, "170")
    await watcher.at(SLOT + 2)
    assert await extremes(pool) == [170]


async def test_an_extreme_of_a_later_slot_does_not_decide_an_earlier_one(
    pool: asyncpg.Pool, store: TrailingStops
) -> None:
    """Another watcher is a slot behind: 150 was not low enough for what had been seen by then."""
    await place_trailing(pool, ["155"])
    watcher = Watcher(store)
    await record(pool, SLOT, "155")
    await watcher.at(SLOT)
    await record(pool, SLOT + 1, "150")
    await record(pool, SLOT + 2, "160")
    await watcher.at(SLOT + 2)
    assert await watcher.at(SLOT + 1) == []


async def test_what_a_slot_has_met_fires_though_the_prices_of_later_ones_were_taken_in(
    pool: asyncpg.Pool, store: TrailingStops
) -> None:
    """Thousands were met, and the price has turned since."""
    orders = await place_trailing(pool, ["150", "150"])
    watcher = Watcher(store)
    for slot, price in enumerate(("150", "142", "149", "150"), SLOT):
        await record(pool, slot, price)
    await store.follow(watcher.trail, SLOT)
    await store.follow(watcher.trail, SLOT + 3)
    assert sorted(ids(await watcher.fire(SLOT + 1))) == sorted(orders)


async def test_the_kill_switch_lets_it_fire_while_reducing(pool: asyncpg.Pool, store: TrailingStops) -> None:
    [order] = await place_trailing(pool, ["150"])
    await record(pool, SLOT, "140")
    set_state = "INSERT INTO trading_states VALUES ('*', 'halted', 'test', 'test', now())"
    await pool.execute(set_state)
    assert await Watcher(store).at(SLOT) == []
    await pool.execute("UPDATE trading_states SET state = 'reducing'")
    assert ids(await Watcher(store).at(SLOT)) == [order]


async def test_after_the_clock_was_set_back_for_good_it_follows_again(pool: asyncpg.Pool, store: TrailingStops) -> None:
    [order] = await place_trailing(pool, ["150"])
    await record(pool, SLOT + 1500, "150")
    await Watcher(store).at(SLOT + 1500)
    await pool.execute("UPDATE prices SET at = at + interval '10 minutes'")  # it is 10 minutes earlier now
    assert await PriceStore(pool).delete_ahead() == 1
    await record(pool, SLOT + 1499, "140")
    assert ids(await Watcher(store).at(SLOT + 1499)) == [order]
