"""Fires stops and take-profits: the recorded prices of the last slots decide, and nobody is asked.

Slots are taken in the order in which they were recorded. A fall that meets thousands of orders takes longer than a
slot: those that it met are fired even if the price has turned since, as long as their slot is not older than
MAX_AGE_SLOTS. That is for the statements to decide. Groups take turns, so none waits until two others have fired all
of theirs.
"""

import asyncio
from collections import deque

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
TURN = 8  # batches of a group, while another one waits


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
        met = deque(group for group in tick.met() if group.persist and group.op != "trail")
        await asyncio.gather(*(self._fire_each(met, tick) for _ in range(AT_ONCE)))

    async def _fire_each(self, met: deque[Group], tick: Tick) -> None:
        while met:
            group = met.popleft()
            if await attempt("stops", self._fire, group, tick, met):  # if it fails, the next slot fires what is met
                met.append(group)

    async def _fire(self, group: Group, tick: Tick, others: deque[Group]) -> bool:
        """Whether there may be more: fewer than a batch may be all, or the legs that a group left over."""
        fired, batches = await self._met(group, tick.slot), 1
        while fired and (batches < TURN or not others):
            fired, _ = await asyncio.gather(self._met(group, tick.slot), self._announcer.fired(fired, tick.at))
            batches += 1
        await self._announcer.fired(fired, tick.at)
        return bool(fired)

    async def _met(self, group: Group, slot: int) -> list[Moved]:
        backlog, least = await self._announcer.backlog(Lane.STOPS), min_venues(self._network.markets, group.feed)
        return await self._store.fire(group, slot, min_venues=least, backlog=backlog)
