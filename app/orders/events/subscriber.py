"""One socket's subscription: which events of each order it has been given, and which it still needs.

No I/O here. `LogCursor` decides for one order; `Subscriber` adds a bounded buffer and wakes the task that waits.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping

from app.orders.events.publisher import EventMessage

# Ended orders that a subscriber remembers, so that none is delivered a second time. The feed looks back two seconds for
# new orders of an owner, and an owner's orders of that time must fit: two workers execute 1,750 per second. They take
# at most 300 KB.
MAX_ENDED = 4_000


class SubscriberClosed(Exception):
    """The subscription was ended from outside: its API key was revoked or has expired."""


class EventsLost(SubscriberClosed):
    """Events may have been delivered that the database no longer has: it is another one, or was restored."""


class LogDeleted(SubscriberClosed):
    """`engine prune` has deleted the log of an order that had ended before, while it was delivered."""


class FollowsTooMuch(SubscriberClosed):
    """The streams of its owner follow too many orders together."""


class LogCursor:
    """How far one order's log has been delivered to one subscriber. Events are delivered in order, each once.

    `delivered`: the number of the last event delivered.
    `needed`: an event that exists but was not received from the channel, so that the log has to be read; 0: none.
    `end`: the last event, if the order had ended before it was followed; 0: it had not.
    """

    __slots__ = ("delivered", "end", "needed")

    def __init__(self, delivered: int = 0, needed: int = 0) -> None:
        self.delivered = delivered
        self.needed = needed
        self.end = 0

    def receive(self, seq: int) -> bool:
        """From the channel: whether to deliver it now. If it comes after a gap, the log has to be read."""
        if seq <= self.delivered:
            return False
        if seq > self.delivered + 1 or self.needed:
            self.exists(seq)
            return False
        self.delivered = seq
        return True

    def exists(self, seq: int) -> None:
        """The log is at least this long."""
        if seq > self.delivered:
            self.needed = max(seq, self.needed)

    def read(self, seq: int) -> bool:
        """From the log: whether to deliver it."""
        if seq != self.delivered + 1:
            return False
        self.delivered = seq
        return True

    def has_read(self, asked: int) -> None:
        """The log was read for event `asked`. What was published during the read is needed still; an event that the
        log did not have is not."""
        if self.needed <= max(asked, self.delivered):
            self.needed = 0


class Subscriber:
    """The subscription of one socket to any number of orders."""

    def __init__(self, *, owner: str | None, max_buffered: int) -> None:
        self.owner = owner  # None: may follow any order
        self.received_at = 0.0  # when the first of the messages last taken was received
        self._first_at = 0.0
        self._was_live = False  # what was taken last was received, not read
        # Not a deque, nor an asyncio.Event, which contains one: an empty deque takes as much memory as the rest of a
        # subscriber, times ten thousand sockets.
        self._buffer: list[EventMessage] = []
        self._max_buffered = max_buffered
        self._cursors: dict[str, LogCursor] = {}
        self._behind: dict[str, LogCursor] = {}  # those that need the log
        self._ended: dict[str, None] = {}  # oldest first
        self._waiter: asyncio.Future[None] | None = None  # of the one task that waits
        self._closed: type[SubscriberClosed] | None = None  # why

    @property
    def orders(self) -> Iterable[str]:
        return self._cursors.keys()

    def follows(self, order: str) -> bool:
        """Also one that has ended."""
        return order in self._cursors or order in self._ended

    @property
    def has_ended(self) -> bool:
        """Whether it was given the end of an order, and may still be given events of others."""
        return bool(self._ended)

    def awaits(self, order: str) -> bool:
        """Whether there are events to deliver, now or later."""
        return order in self._cursors

    def has_read(self, order: str) -> bool:
        """Whether it follows this order, and needs nothing of its log now.

        Until the log was read, what counts as delivered is what the client says it has.
        """
        return order in self._cursors and not self._cursors[order].needed

    def follow(self, order: str, after: int) -> None:
        """Deliver this order's events after number `after`, beginning with those in its log."""
        self._cursors[order] = self._behind[order] = LogCursor(after, after + 1)

    def start_at(self, order: str, seq: int, end: int, *, ended: bool) -> None:
        """The log turned out to end with `end`: what comes after `seq` is delivered."""
        cursor = self._cursors[order]
        cursor.delivered, cursor.end = seq, end if ended else 0
        self.exists(order, end)

    def receive(self, message: EventMessage) -> None:
        """A message from the channel."""
        cursor = self._cursor(message.order)
        if len(self._buffer) >= self._max_buffered:
            self.exists(message.order, message.seq)
            return
        if cursor.receive(message.seq):
            if not self._buffer:
                self._first_at = time.monotonic()
            self._buffer.append(message)
            self._wake()
        elif cursor.needed:
            self._behind[message.order] = cursor
            self._wake()

    def exists(self, order: str, seq: int) -> bool:
        """The log of this order is at least this long. False: more than that was delivered of it."""
        cursor = self._cursor(order)
        cursor.exists(seq)
        if cursor.needed:
            self._behind[order] = cursor
            self._wake()
            return True  # a client that resumes says what it has: nothing is known before the log was read
        return bool(cursor.end) or seq >= cursor.delivered  # `engine prune` deletes orders that have ended

    def close(self, why: type[SubscriberClosed] = SubscriberClosed) -> None:
        """From now on the task that waits gets this exception."""
        self._closed = self._closed or why
        self._wake()

    async def wait(self) -> None:
        """Until there are messages to take, or a log to read."""
        while not self._closed and not self._buffer and not self._behind:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._closed:
            raise self._closed

    @property
    def is_turn_of_log(self) -> bool:
        """Whether a log is read before messages are taken: they may come without end, so every second time."""
        return bool(self._behind) and (self._was_live or not self._buffer)

    def take(self, page: Iterable[EventMessage] = ()) -> list[EventMessage]:
        """The messages received, and then those of a log that was read: none of its order was received since."""
        received, self._buffer = self._buffer, []
        self._was_live = not page
        self.received_at = self._first_at if received else time.monotonic()
        return [*received, *page]

    def needed(self) -> dict[str, int]:
        """Orders whose log has to be read, and the event each needs."""
        return {order: cursor.needed for order, cursor in self._behind.items()}

    def page(self, needed: Mapping[str, int], most: int) -> dict[str, tuple[int, int]]:
        """Of the events needed at most so many: for each order after which one, and up to which."""
        parts = {}
        for order, seq in needed.items():
            after = self._cursors[order].delivered
            parts[order] = after, min(seq, after + most)
            if (most := most - (seq - after)) <= 0:
                break
        return parts

    def delivered(self, orders: Iterable[str]) -> dict[str, int]:
        """The last event delivered of each of these orders."""
        return {order: self._cursors[order].delivered for order in orders}

    def apply_log(self, asked: Mapping[str, int], messages: Iterable[EventMessage]) -> list[EventMessage]:
        """What the logs of the orders `asked` for contain; those messages that are to be delivered now."""
        news = [message for message in messages if self._cursors[message.order].read(message.seq)]
        for order, seq in asked.items():
            cursor = self._cursors[order]
            cursor.has_read(seq)
            if not cursor.needed:
                self._behind.pop(order, None)
                if cursor.delivered < cursor.end:
                    self.close(LogDeleted)
        return news

    def drop(self, order: str) -> None:
        """Deliver nothing more of this order."""
        self._behind.pop(order, None)
        self._cursors.pop(order, None)

    def finish(self, order: str) -> None:
        """The order's whole log was delivered. It is remembered for a while, so that it does not begin again."""
        self.drop(order)
        self._ended[order] = None
        if len(self._ended) > MAX_ENDED:
            del self._ended[next(iter(self._ended))]

    def _cursor(self, order: str) -> LogCursor:
        if (cursor := self._cursors.get(order)) is None:
            cursor = self._cursors[order] = LogCursor()
        return cursor

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
