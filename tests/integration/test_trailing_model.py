"""Trailing stops that share a row fire as if each had been followed alone."""

import asyncio
import random
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.orders.conditions import trail_level
from app.orders.waiting import trailing
from app.orders.waiting.trailing import TrailingStops
from tests.integration.test_trailing_stops import Watcher, store
from tests.waiting import SLOT, place_trailing, record, statuses

__all__ = ["store"]


@dataclass
class Naive:
    """The naive way: the extreme of each order is raised at each slot."""

    orders: dict[UUID, tuple[Decimal, int]] = field(default_factory=dict)
    fired: dict[UUID, tuple[int, Decimal]] = field(default_factory=dict)

    def at(self, slot: int, low: Decimal, high: Decimal) -> None:
        for order, (seen, bps) in list(self.orders.items()):
            extreme = max(seen, low)
            self.orders[order] = extreme, bps
            if high * 10_000 <= extreme * (10_000 - bps):
                self.fired[order] = slot, trail_level(extreme, bps)
                del self.orders[order]


@pytest.mark.parametrize("seed", range(3))
async def test_shared_watermarks_fire_what_the_naive_way_fires_and_when(
    pool: asyncpg.Pool, store: TrailingStops, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two watchers at once; prices repeat, venues differ, and orders come while the market moves."""
    rng, naive, fired = random.Random(seed), Naive(), dict[UUID, tuple[int, Decimal]]()
    monkeypatch.setattr(trailing, "BATCH", 3)
    price, watchers = 15_000, [Watcher(store), Watcher(store)]
    for slot in range(SLOT, SLOT + 60):
        price = max(5_000, price + rng.randrange(-200, 201))
        for _ in range(rng.choice((0, 0, 1, 3))):
            bps = rng.randrange(20, 800)
            [order] = await place_trailing(pool, [str(Decimal(price) / 100)], bps=bps)
            naive.orders[order] = Decimal(price) / 100, bps
        low, high = Decimal(price) / 100, Decimal(price + rng.choice((0, 0, 30))) / 100
        await record(pool, slot, str(low), high=str(high))
        naive.at(slot, low, high)
        for moved in await asyncio.gather(*(watcher.at(slot) for watcher in watchers)) + [await watchers[0].at(slot)]:
            for one in moved:
                assert one.event.order_id not in fired
                fired[one.event.order_id] = slot, Decimal(one.event.details["trigger"]["level"])
    assert fired == naive.fired
    assert len(fired) > 10
    assert set(await statuses(pool, list(naive.orders))) <= {"open"}
