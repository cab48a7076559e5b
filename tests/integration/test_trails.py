"""Trailing stops of many kinds: only those that a price can have changed are looked at, and stops do not wait."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.dex.markets import Markets
from app.orders.waiting.prices import MAX_AGE_SLOTS, Group, Recorded
from app.orders.waiting.trailing import Trail, TrailingStops
from app.watcher.recorder import Tick
from app.watcher.trails import LATE_SLOTS, Trails
from tests.engine import Engine
from tests.integration.test_watcher import Market, ended, watching
from tests.waiting import FEED, place_open

MARKETS = Markets.load()
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Store:
    """Remembers which kinds it was asked to follow."""

    def __init__(self, *, level: str = "0") -> None:
        self.level = Decimal(level)  # that the price meets first, once this is followed
        self.followed: list[tuple[int, int]] = []
        self.begun: set[int] = set()
        self.asked_to_fire: list[int] = []

    async def follow(self, trail: Trail, slot: int, *, begins: bool) -> Decimal:
        self.followed.append((slot, trail.persist))
        if begins:
            self.begun.add(trail.persist)
        return self.level

    async def fire(self, trail: Trail, slot: int, **_: Any) -> list[Any]:
        self.asked_to_fire.append(slot)
        return []


class Announcer:
    async def backlog(self, _: Any) -> None: ...

    async def fired(self, *_: Any) -> None: ...


def tick(slot: int, prices: dict[int, str], *groups: tuple[str, int, str], venues: int = 2) -> Tick:
    rows = {at: Recorded(at, Decimal(mid), Decimal(mid), Decimal(mid), venues, AT) for at, mid in prices.items()}
    return Tick(slot, AT, [Group(FEED, op, persist, Decimal(level)) for op, persist, level in groups], {FEED: rows})


def of(store: Store) -> Trails:
    return Trails(*cast("Any", (store, SimpleNamespace(markets=MARKETS), Announcer())))


async def follow(ticks: list[Tick], store: Store | None = None) -> list[tuple[int, int]]:
    store = store or Store()
    trails = of(store)
    running = asyncio.create_task(trails.run())
    for one in ticks:
        trails.receive(one)
        while trails.behind():
            await asyncio.sleep(0)
    running.cancel()
    return store.followed


async def test_a_kind_is_followed_while_the_price_of_the_last_slots_can_have_changed_it() -> None:
    prices = dict.fromkeys(range(1, 41), "150") | {30: "151"}
    kinds = (("extreme", 1, "150"), ("trail", 1, "140"), ("start", 3, "150.5"), ("extreme", 2, "152"))
    followed = await follow([tick(slot, prices, *kinds) for slot in range(1, 41)])
    after = range(30, 30 + MAX_AGE_SLOTS)
    # What was before its first slot it does not know. After that, only a new high that lasts for long enough counts.
    assert [slot for slot, persist in followed if persist == 1] == [*range(1, 1 + MAX_AGE_SLOTS - 1), *after]
    assert {slot for slot, persist in followed if persist > 1} == set(range(1, 1 + MAX_AGE_SLOTS - 1))


async def test_after_a_slot_that_it_did_not_see_it_follows_all_kinds_again() -> None:
    prices = dict.fromkeys(range(1, 60), "150")
    seen = [*range(1, 30), *range(31, 60)]
    followed = await follow([tick(slot, prices, ("extreme", 1, "150")) for slot in seen])
    assert [slot for slot, _ in followed if slot > MAX_AGE_SLOTS] == list(range(31, 31 + MAX_AGE_SLOTS - 1))


async def test_postgres_is_asked_for_new_ones_only_where_there_are_some() -> None:
    """Asked twice in each slot, one that is 200 ms away would never catch up."""
    store = Store()
    await follow([tick(1, {1: "150"}, ("extreme", 1, "150"), ("start", 3, "150"))], store)
    assert (store.begun, store.followed) == ({3}, [(1, 1), (1, 3)])


async def test_a_price_of_one_venue_alone_changes_nothing() -> None:
    prices = dict.fromkeys(range(1, 31), "150") | dict.fromkeys(range(21, 31), "151")
    followed = await follow([tick(slot, prices, ("extreme", 1, "150"), venues=1 + (slot < 21)) for slot in prices])
    assert max(slot for slot, _ in followed) < MAX_AGE_SLOTS


async def test_it_fires_at_the_level_that_earlier_slots_have_raised() -> None:
    """The slot was recorded before these were compared: its own level is that of before."""
    prices = {1: "160", 2: "151"}
    kinds = ("extreme", 1, "150"), ("trail", 1, "142.5")
    store = Store(level="152")
    await follow([tick(1, prices, *kinds), tick(2, prices, *kinds)], store)
    assert store.asked_to_fire == [2]


async def test_a_rise_is_not_missed_if_another_watcher_records_it_after_this_one_has_compared_its_slot() -> None:
    before = dict.fromkeys([*range(1, 20), *range(21, 41)], "150")
    ticks = [tick(slot, before | ({20: "151"} if slot > 20 else {}), ("extreme", 1, "150")) for slot in range(1, 41)]
    assert [slot for slot, _ in await follow(ticks) if slot > MAX_AGE_SLOTS] == list(range(21, 20 + MAX_AGE_SLOTS))


async def test_a_slot_that_met_thousands_is_fired_on_while_later_extremes_are_raised_in_time() -> None:
    """Only the newest MAX_AGE_SLOTS slots are kept, and an older price no longer raises an extreme."""
    slots = range(1, 3 * MAX_AGE_SLOTS)
    prices = dict.fromkeys(slots, "151")
    later = iter([tick(slot, prices, ("extreme", 1, "150"), ("trail", 1, "142.5")) for slot in slots])

    class Falling(Store):
        """Each batch takes as long as a slot."""

        async def fire(self, trail: Trail, slot: int, **_: Any) -> list[Any]:
            self.asked_to_fire.append(slot)
            if (arrived := next(later, None)) is None:
                return []
            trails.receive(arrived)
            for _turn in range(3):  # until it is handed on
                await asyncio.sleep(0)
            return [slot]

    trails = of(store := Falling(level="152"))
    trails.receive(next(later))
    running = asyncio.create_task(trails.run())
    while trails.behind():
        await asyncio.sleep(0)
    running.cancel()
    assert store.asked_to_fire[: len(slots)] == [1] * len(slots)
    in_time = [slot for slot, _ in store.followed[: len(slots) // LATE_SLOTS + 1]]
    assert in_time == list(range(1, len(slots) + 1, LATE_SLOTS))


async def test_a_kind_of_which_a_fall_meets_thousands_holds_up_no_other_one() -> None:
    class Falling(Store):
        """There are always more of those that fire after one slot."""

        async def fire(self, trail: Trail, slot: int, **_: Any) -> list[Any]:
            await asyncio.sleep(0)
            if trail.persist == 1:
                return [slot]
            self.asked_to_fire.append(slot)
            return []

    prices = dict.fromkeys(range(1, 5), "140")
    trails = of(store := Falling())
    running = asyncio.create_task(trails.run())
    for slot in prices:
        trails.receive(tick(slot, prices, ("trail", 1, "142.5"), ("trail", 3, "142.5")))
    async with asyncio.timeout(2):
        while len(store.asked_to_fire) < 2:
            await asyncio.sleep(0)
    running.cancel()
    assert store.asked_to_fire == [3, 4]


async def test_stops_do_not_wait_for_trailing_stops(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> int:
        return await asyncio.Future[int]()

    monkeypatch.setattr(TrailingStops, "follow", never)
    [trailing] = await place_open(engine.postgres, ["0"], order_type="trailing_stop", op="start", persist=1)
    await engine.postgres.execute("UPDATE triggers SET trail_bps = 500")
    [stop] = await place_open(engine.postgres, ["149"])
    market = Market()
    async with watching(engine, market):
        market.mids = {"meteora": "148", "raydium": "148"}
        await ended(engine, stop, "pending")
    assert await engine.postgres.fetchval("SELECT op FROM triggers WHERE order_id = $1", trailing) == "start"
