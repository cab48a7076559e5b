"""Fires stops, take-profits and trailing stops: the recorded prices of the last slots decide, and nobody is asked.

Slots are taken in the order in which they were recorded. A fall that meets thousands of orders takes longer than a
slot: those that it met are fired even if the price has turned since, as long as their slot is not older than
MAX_AGE_SLOTS. That is for the statements to decide.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from functools import partial

from app.dex.markets import Token
from app.network import Network
from app.orders.queue.lanes import Lane
from app.orders.waiting.prices import MAX_AGE_SLOTS, Group
from app.orders.waiting.trailing import Trail, TrailingStops
from app.orders.waiting.triggers import Moved, TriggerStore
from app.watcher.announcer import Announcer
from app.watcher.recorder import Tick
from app.watcher.rounds import attempt

AT_ONCE = 2  # groups: while the commit of one waits for the disk, Postgres works on the other

Batch = Callable[[], Awaitable[list[Moved]]]


class Stops:
    def __init__(self, store: TriggerStore, trailing: TrailingStops, network: Network, announcer: Announcer) -> None:
        self._store = store
        self._trailing = trailing
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
                await self._compare(tick)
                self._since = time.monotonic() if self._ticks else 0.0

    async def _compare(self, tick: Tick) -> None:
        batches = await self._batches(tick)
        await asyncio.gather(*(self._fire_each(batches, tick) for _ in range(AT_ONCE)))

    async def _batches(self, tick: Tick) -> Iterator[Batch]:
        met = {(group.op, group.feed, group.persist): group for group in tick.met() if group.persist}
        trails = [self._trail(feed, persist) for feed, persist in tick.trailing()]
        # First, and for all pairs: what is fired at this slot, and at later ones, needs the extremes of this one. If
        # that fails, the next slot takes in the prices of this one, and stops fire all the same.
        begun = {trail for trail in trails if await attempt("trailing", self._follow(trail, tick.slot))}
        stops: list[Batch] = [partial(self._met, one, tick.slot) for one in met.values() if one.op != "trail"]
        left_behind = [one for one in trails if one in begun or ("trail", one.feed, one.persist) in met]
        return iter([*stops, *(partial(self._left_behind, trail, tick.slot) for trail in left_behind)])

    async def _fire_each(self, batches: Iterator[Batch], tick: Tick) -> None:
        for batch in batches:
            await attempt("stops", self._fire(batch, tick))  # what is still met is fired in the next slot

    async def _fire(self, batch: Batch, tick: Tick) -> bool:
        fired = await batch()
        while fired:  # fewer than a batch may be all, or the legs that a group left over
            fired, _ = await asyncio.gather(batch(), self._announcer.fired(fired, tick.at))
        return False

    async def _met(self, group: Group, slot: int) -> list[Moved]:
        backlog = await self._announcer.backlog(Lane.STOPS)
        return await self._store.fire(group, slot, min_venues=self._min_venues(group.feed), backlog=backlog)

    async def _follow(self, trail: Trail, slot: int) -> bool:
        return await self._trailing.follow(trail, slot) > 0

    async def _left_behind(self, trail: Trail, slot: int) -> list[Moved]:
        token_in, token_out = self._tokens(trail.feed)
        unit = Decimal(10) ** (token_out.decimals - token_in.decimals)
        backlog = await self._announcer.backlog(Lane.STOPS)
        return await self._trailing.fire(trail, slot, unit=unit, backlog=backlog)

    def _trail(self, feed: str, persist: int) -> Trail:
        return Trail(feed, persist, self._min_venues(feed))

    def _min_venues(self, feed: str) -> int:
        """Two, unless only one trades this pair: a venue that is down must not leave the decision to the other."""
        markets = self._network.markets
        return min(2, sum(bool(markets.paths(venue, *self._tokens(feed))) for venue in markets.venues))

    def _tokens(self, feed: str) -> tuple[Token, Token]:
        token_in, _, token_out = feed.partition("/")
        return self._network.markets.token(token_in), self._network.markets.token(token_out)
