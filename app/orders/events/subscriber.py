"""One socket's ear: what was heard and not yet told, and what is known to exist but was not heard."""

import asyncio
import time
from collections.abc import Iterable, Mapping

from app.orders.events.publisher import EventMessage

MAX_ENDED = 5_000  # ended orders that a listener remembers


class SubscriberClosed(Exception):
    """This listener is to hear no more."""


class Subscriber:
    """One socket's ear. It holds what was heard and not yet told, and how far the log of each order was heard."""

    def __init__(self, *, owner: str | None, most: int) -> None:
        self.owner = owner
        self.heard: dict[str, int] = {}  # order → number of the last event handed over
        self.behind: dict[str, int] = {}  # order → an event that exists and was not heard: the book has it
        self.received_at = 0.0  # when the first of what was last taken had come in
        self._first_at = 0.0
        # No deque, and no asyncio.Event, which has one: empty, it takes as much memory as all the rest here, ten
        # thousand times.
        self._ready: list[EventMessage] = []
        self._ended: dict[str, None] = {}
        self._most = most
        self._waking: asyncio.Future[None] | None = None  # of the one task that waits here
        self._dismissed = False

    def hear(self, item: EventMessage) -> None:
        heard = self.heard.setdefault(item.order, 0)
        if item.seq <= heard:
            return
        if item.seq > heard + 1 or item.order in self.behind or len(self._ready) >= self._most:
            self.exists(item.order, item.seq)
            return
        self.heard[item.order] = item.seq
        if not self._ready:
            self._first_at = time.monotonic()
        self._ready.append(item)
        self._wake()

    def follow(self, order: str, after: int) -> None:
        """Nothing of this order is handed over before its log was read."""
        self.heard[order] = after
        self.behind[order] = after + 1

    def exists(self, order: str, seq: int) -> None:
        """The log of this order is at least this long."""
        if seq > self.heard.setdefault(order, 0):
            self.behind[order] = max(seq, self.behind.get(order, 0))
            self._wake()

    def close(self) -> None:
        """From now on, whoever waits for news gets `Dismissed` instead."""
        self._dismissed = True
        self._wake()

    async def wait(self) -> None:
        while not self._dismissed and not self._ready and not self.behind:
            self._waking = asyncio.get_running_loop().create_future()
            try:
                await self._waking
            finally:
                self._waking = None
        if self._dismissed:
            raise SubscriberClosed

    def _wake(self) -> None:
        if self._waking is not None and not self._waking.done():
            self._waking.set_result(None)

    def take(self) -> list[EventMessage]:
        items, self._ready = self._ready, []
        self.received_at = self._first_at if items else time.monotonic()
        return items

    def read(self, asked: Mapping[str, int], items: Iterable[EventMessage]) -> list[EventMessage]:
        """What the book said of the orders `asked` for: as far as it goes on from what was heard, it is heard now."""
        news = []
        for item in items:
            if item.seq == self.heard[item.order] + 1:
                self.heard[item.order] = item.seq
                news.append(item)
        for order, seq in asked.items():
            # What was rung out while the book was read is asked for again; what it did not know of is not.
            if self.behind.get(order, 0) <= max(seq, self.heard[order]):
                self.behind.pop(order, None)
        return news

    def ended(self, order: str) -> None:
        """This order's story is told. It is remembered for a while, so that nobody begins it anew."""
        self.behind.pop(order, None)
        self._ended[order] = None
        if len(self._ended) > MAX_ENDED:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self.heard.pop(oldest, None)
