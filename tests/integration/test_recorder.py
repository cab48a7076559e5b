"""What a watcher records in each slot, and what becomes of that when the clock of Postgres changes."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import asyncpg
import pytest

from app.dex.markets import Token
from app.network import open_network
from app.orders.waiting import prices
from app.orders.waiting.prices import Price, PriceStore
from app.orders.waiting.trailing import Trail, TrailingStops
from app.postgres.running import fetch
from app.settings import load
from app.watcher import recorder
from app.watcher.recorder import Recorder, Tick
from tests.engine import FAST, eventually
from tests.waiting import FEED, SLOT, place_open, place_trailing, record

OWN = Price(Decimal(9), Decimal(9), Decimal(9), 2)
WAITS = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"


class Recording:
    """A recorder, whose market stands still, and the slots that it has handed on."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.slots: list[Tick] = []
        self.network = replace(open_network(load(**FAST)), mids=self._mids)
        self.recorder = Recorder(PriceStore(pool), self.network, [self.slots.append])

    def _mids(self, token_in: Token, token_out: Token, slot: int) -> Mapping[str, Decimal]:
        return {"raydium": Decimal(150), "meteora": Decimal(150)}

    async def tick(self) -> int:
        """The slot of the clock."""
        return self.network.slot_at(await self.recorder.tick())


@pytest.fixture
def recording(pool: asyncpg.Pool) -> Recording:
    return Recording(pool)


async def test_prices_of_a_future_that_did_not_come_are_forgotten_and_recorded_anew(
    pool: asyncpg.Pool, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of Postgres was set back by ten minutes, and stays so."""
    await place_open(pool, ["140"])
    ahead = await recording.tick() + 1_500
    await record(pool, ahead, "150", age=-600)
    await recording.tick()
    await recording.tick()
    newest = "SELECT max(slot) FROM prices"
    assert await pool.fetchval(newest) == ahead  # it may catch up yet
    monkeypatch.setattr(recorder, "AHEAD_SECONDS", 0)
    await recording.tick()
    recording.slots.clear()
    while not recording.slots:  # a new slot
        slot = await recording.tick()
    assert await pool.fetchval(newest) == slot


async def test_a_trailing_stop_follows_again_after_the_clock_was_set_back(
    pool: asyncpg.Pool, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has seen was recorded at slots that lie ahead now."""
    monkeypatch.setattr(recorder, "AHEAD_SECONDS", 0)
    await place_trailing(pool, ["145"])
    ahead = await recording.tick() + 1_500
    trailing, trail = TrailingStops(pool, max_age=4.0), Trail(FEED, 1, 2)
    await record(pool, ahead, "148")
    await trailing.follow(trail, ahead)
    await pool.execute("UPDATE prices SET at = at + interval '10 minutes' WHERE slot = $1", ahead)
    await recording.tick()
    await recording.tick()
    recording.slots.clear()
    while not recording.slots:
        slot = await recording.tick()
    await trailing.follow(trail, slot)
    assert await pool.fetchval("SELECT extreme FROM watermarks") == 150


async def test_a_postgres_that_is_far_away_is_asked_once_in_each_slot(
    pool: asyncpg.Pool, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked three times at 200 ms each it would leave out every second slot, and nothing that needs two would fire."""
    asked = 0

    async def count(pool: asyncpg.Pool, sql: str, *arguments: object) -> list[asyncpg.Record]:
        nonlocal asked
        asked += 1
        return await fetch(pool, sql, *arguments)

    await place_open(pool, ["140"])
    await place_trailing(pool, ["145"])
    await recording.tick()
    monkeypatch.setattr(prices, "fetch", count)
    recording.slots.clear()
    while not (own := [tick.rows[FEED][tick.slot] for tick in recording.slots if tick.slot in tick.rows[FEED]]):
        asked = 0
        await recording.tick()
    assert asked == 1
    assert own[-1].best == 150


async def test_for_trailing_stops_the_slot_before_is_read_again(pool: asyncpg.Pool, recording: Recording) -> None:
    """Another watcher may have recorded it since."""
    await place_trailing(pool, ["145"], persist=2)
    slot, ticks = SLOT, list[Tick]()
    network = replace(recording.network, slot_at=lambda _: slot)
    own = Recorder(PriceStore(pool), network, [ticks.append])
    for _ in range(5):
        slot += 1
        await own.tick()
    assert sorted(ticks[-1].rows[FEED]) == [slot - 2, slot - 1, slot]


async def test_watchers_that_record_at_once_see_the_same_price(pool: asyncpg.Pool) -> None:
    """One waits for the commit of the other, whose row its statement cannot see."""
    await place_open(pool, ["140"])
    store, now = PriceStore(pool), await pool.fetchval("SELECT clock_timestamp()")
    async with pool.acquire() as other, other.transaction():
        await record(other, SLOT, "7")
        later = asyncio.create_task(store.tick({FEED: OWN}, SLOT, now, slots=2))
        await eventually(lambda: pool.fetchval(WAITS))
    assert (await later).rows[FEED][SLOT].best == 7


@pytest.mark.parametrize(("slot", "recorded"), [(SLOT - 1, [SLOT]), (SLOT + 1, [SLOT, SLOT + 1])])
async def test_no_slot_is_recorded_after_a_later_one(pool: asyncpg.Pool, slot: int, recorded: list[int]) -> None:
    """What a trailing stop has seen is final once a later slot is part of it: an earlier high would be lost."""
    store, now = PriceStore(pool), await pool.fetchval("SELECT clock_timestamp()")
    async with pool.acquire() as other, other.transaction():
        await record(other, SLOT, "7")
        own = asyncio.create_task(store.tick({FEED: OWN}, slot, now, slots=2))
        await eventually(lambda: pool.fetchval(WAITS))
    await own
    assert await pool.fetchval("SELECT array_agg(slot ORDER BY slot) FROM prices") == recorded


async def test_a_pair_that_is_new_is_recorded_in_the_slot_in_which_it_is_seen(
    pool: asyncpg.Pool, recording: Recording
) -> None:
    await recording.tick()
    await place_open(pool, ["140"])
    recording.slots.clear()
    while not recording.slots:
        await recording.tick()
    [tick] = recording.slots
    assert tick.rows[FEED][tick.slot].best == 150
