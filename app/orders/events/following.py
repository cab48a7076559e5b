"""Which streams follow which orders, and how much of each order they all have.

Each order of each stream takes 0.2 KB. So all streams of one owner together have a bound.
"""

import time
from collections import Counter
from collections.abc import Collection

from app.orders.events.subscriber import Subscriber

MAX_FOLLOWED = 250_000  # orders of one owner, each counted once for every stream that follows it


class Following:
    def __init__(self) -> None:
        self._of_order: dict[str, set[Subscriber]] = {}
        self._followed: Counter[str | None] = Counter()  # by owner
        self._received_at: dict[str, float] = {}  # order → when the channel last brought an event of it
        self._complete: dict[str, int] = {}  # order → how long its log was when each of its streams had all of it

    def of(self, order: str) -> Collection[Subscriber]:
        return self._of_order.get(order, ())

    def add(self, subscriber: Subscriber, order: str) -> bool:
        """False: the streams of its owner follow as many orders as they may."""
        if subscriber in self.of(order):
            return True
        if self._followed[subscriber.owner] >= MAX_FOLLOWED:
            return False
        self._followed[subscriber.owner] += 1
        self._of_order.setdefault(order, set()).add(subscriber)
        self._complete.pop(order, None)
        return True

    def remove(self, subscriber: Subscriber, order: str) -> None:
        streams = self._of_order.get(order)
        if streams is None or subscriber not in streams:
            return
        streams.remove(subscriber)
        self._followed[subscriber.owner] -= 1
        if not self._followed[subscriber.owner]:
            del self._followed[subscriber.owner]
        if not streams:
            del self._of_order[order]
            self._received_at.pop(order, None)
            self._complete.pop(order, None)

    def received(self, order: str) -> Collection[Subscriber]:
        """The channel has brought an event of this order, for these."""
        if streams := self.of(order):
            self._received_at[order] = time.monotonic()
            self._complete.pop(order, None)
        return streams

    def doubt(self) -> None:
        """Any event may have been lost."""
        self._received_at.clear()

    def silent(self, seconds: float) -> list[str]:
        """Orders of which nothing was received for so long."""
        before = time.monotonic() - seconds
        return [order for order in self._of_order if self._received_at.get(order, 0.0) <= before]

    def exists(self, order: str, seq: int) -> bool:
        """The log of this order is that long. False: more than that was delivered to one of its streams.

        While nothing happens to an order its streams are looked at once, and not every second.
        """
        if self._complete.get(order) == seq:
            return True
        streams = self.of(order)
        known = [stream.exists(order, seq) for stream in streams]
        if streams and all(known) and all(stream.has_read(order) for stream in streams):
            self._complete[order] = seq
        return all(known)
