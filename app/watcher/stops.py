"""Fires stops and take-profits: the recorded prices of the last slots decide, and nobody is asked.

Slots are taken in the order in which they were recorded. A fall that meets thousands of orders takes longer than a
slot: those that it met are fired even if the price has turned since, as long as their slot is not older than
MAX_AGE_SLOTS. That is for the statements to decide.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator

from app.network import Network
from app.orders.queue.lanes import Lane
from app.orders.waiting.prices import MAX_AGE_SLOTS, Group
from app.orders.waiting.triggers import Moved, TriggerStore
from app.postgres import DatabaseUnavailable
from app.watcher.announcer import Announcer
from app.watcher.recorder import Tick

log = logging.getLogger("engine.watcher")

AT_ONCE = 2  # groups: while the commit of one waits for the disk, Postgres works on the other


class Stops:
    def __init__(self, store: TriggerStore, network: Network, announcer: Announcer) -> None:
        self._store = store
        self._network = network
        self._announcer = announcer
        self._ticks = deque[Tick](maxlen=MAX_AGE_SLOTS)
        self._arrived = asyncio.Event()
        self._since = 0.0  # when the oldest slot that was not compared yet was recorded; 0: all were

    def behind(self) -> float:
        return time.monotonic() - self._since if self._since else 0.0

    def receive(self, tick: Tick) -> None:
        self._ticks.append(tick)
        self._since = self._since or time.monotonic()
        self._arrived.set()

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._ticks:
                tick = self._ticks.popleft()
                groups = iter([group for group in tick.met() if group.persist])
                await asyncio.gather(*(self._fire_each(groups, tick) for _ in range(AT_ONCE)))
                self._since = time.monotonic() if self._ticks else 0.0

    async def _fire_each(self, groups: Iterator[Group], tick: Tick) -> None:
        try:
            for group in groups:
                await self._fire(group, tick)
        except DatabaseUnavailable as error:  # what is still met is fired in the next slot
            log.warning("orders could not be fired", extra={"error": repr(error.__cause__)})

    async def _fire(self, group: Group, tick: Tick) -> None:
        fired = await self._batch(group, tick)
        while fired:  # fewer than a batch may be all, or the legs that a group left over
            fired, _ = await asyncio.gather(self._batch(group, tick), self._announcer.fired(fired, tick.at))

    async def _batch(self, group: Group, tick: Tick) -> list[Moved]:
        backlog = await self._announcer.backlog(Lane.STOPS)
        return await self._store.fire(group, tick.slot, min_venues=self._min_venues(group.feed), backlog=backlog)

    def _min_venues(self, feed: str) -> int:
        """Two, unless only one trades this pair: a venue that is down must not leave the decision to the other."""
        token_in, _, token_out = feed.partition("/")
        markets = self._network.markets
        pair = markets.token(token_in), markets.token(token_out)
        return min(2, sum(bool(markets.paths(venue, *pair)) for venue in markets.venues))
