"""The slots that one task still has to compare, in the order in which they were recorded."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from app.orders.waiting.prices import MAX_AGE_SLOTS
from app.watcher.recorder import Tick


class Slots:
    def __init__(self) -> None:
        self._ticks = deque[Tick](maxlen=MAX_AGE_SLOTS)
        self._arrived = asyncio.Event()
        self._since = 0.0  # when the oldest slot that was not compared yet was recorded; 0: all were

    def behind(self) -> float:
        return time.monotonic() - self._since if self._since else 0.0

    def newest(self) -> Tick | None:
        """Of those that have not been begun."""
        return self._ticks[-1] if self._ticks else None

    def receive(self, tick: Tick) -> None:
        self._ticks.append(tick)
        self._since = self._since or time.monotonic()
        self._arrived.set()

    async def compare(self, compare: Callable[[Tick], Awaitable[object]]) -> None:
        """Call it with each slot, forever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self.compare_waiting(compare)

    async def compare_waiting(self, compare: Callable[[Tick], Awaitable[object]]) -> None:
        """Call it with each slot until none is left."""
        while self._ticks:
            await compare(self._ticks.popleft())
            self._since = time.monotonic() if self._ticks else 0.0
