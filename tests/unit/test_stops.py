"""Groups of stops and take-profits that one slot has met: they take turns."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from app.dex.markets import Markets
from app.orders.waiting.prices import Group, Recorded
from app.watcher.recorder import Tick
from app.watcher.stops import Stops

AT = datetime(2026, 1, 1, tzinfo=UTC)
FEED = "SOL/USDC"


class Store:
    """There are always more of those that fire after fewer than three slots in a row."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()  # for the others

    async def fire(self, group: Group, slot: int, **_: Any) -> list[Any]:
        await asyncio.sleep(0)
        if group.persist < 3:
            return [slot]
        self.asked.set()
        return []


class Announcer:
    async def backlog(self, _: Any) -> None: ...

    async def fired(self, *_: Any) -> None: ...


async def test_a_group_does_not_wait_until_two_others_have_fired_all_of_theirs() -> None:
    price = Decimal(140)
    rows = {slot: Recorded(slot, price, price, price, 2, AT) for slot in (1, 2, 3)}
    groups = [Group(FEED, "le", persist, Decimal(150)) for persist in (1, 2, 3)]
    stops = Stops(*cast("Any", (store := Store(), SimpleNamespace(markets=Markets.load()), Announcer())))
    running = asyncio.create_task(stops.run())
    stops.receive(Tick(3, AT, groups, {FEED: rows}))
    async with asyncio.timeout(2):
        await store.asked.wait()
    running.cancel()
