"""Fires stops and take-profits: the recorded prices of the last slots decide, and nobody is asked.

Slots are taken in the order in which they were recorded. A fall that meets thousands of orders takes longer than a
slot: those that it met are fired even if the price has turned since, as long as their slot is not older than
MAX_AGE_SLOTS. That is for the statements to decide.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from app.network import Network
from app.orders.queue.lanes import Lane
from app.orders.waiting.prices import Group
from app.orders.waiting.triggers import Moved, TriggerStore
from app.watcher.announcer import Announcer
from app.watcher.pairs import min_venues
from app.watcher.recorder import Tick
from app.watcher.rounds import attempt
from app.watcher.slots import Slots

AT_ONCE = 2  # groups: while the commit of one waits for the disk, Postgres works on the other

Batch = Callable[[], Awaitable[list[Moved]]]


class Stops:
    def __init__(self, store: TriggerStore, network: Network, announcer: Announcer) -> None:
        self._store = store
        self._network = network
        self._announcer = announcer
        self._slots = Slots()
        self.receive, self.behind = self._slots.receive, self._slots.behind

    async def run(self) -> None:
        await self._slots.compare(self._compare)

    async def _compare(self, tick: Tick) -> None:
        met = [group for group in tick.met() if group.persist and group.op != "trail"]
        batches: Iterator[Batch] = iter([partial(self._met, group, tick.slot) for group in met])
        await asyncio.gather(*(self._fire_each(batches, tick) for _ in range(AT_ONCE)))

    async def _fire_each(self, batches: Iterator[Batch], tick: Tick) -> None:
        for batch in batches:
            await attempt("stops", self._fire, batch, tick)  # what is still met is fired in the next slot

    async def _fire(self, batch: Batch, tick: Tick) -> None:
        fired = await batch()
        while fired:  # fewer than a batch may be all, or the legs that a group left over
            fired, _ = await asyncio.gather(batch(), self._announcer.fired(fired, tick.at))

    async def _met(self, group: Group, slot: int) -> list[Moved]:
        backlog, least = await self._announcer.backlog(Lane.STOPS), min_venues(self._network.markets, group.feed)
        return await self._store.fire(group, slot, min_venues=least, backlog=backlog)
