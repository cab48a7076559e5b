"""Hands each event to the streams that follow its order, a few at a time: 250,000 of them take a second.

Events of one owner keep their order. While they wait for each other, those of other owners are handed on.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection

from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import Subscriber

AT_ONCE = 400  # streams of one owner that are handed an event, before other tasks run
MAX_WAITING = 10_000  # events; one beyond that is read from Postgres, like any that was lost


async def pause(streams: Collection[Subscriber]) -> None:
    """Let other tasks run, if so many streams were looked at that they had to wait."""
    if len(streams) > AT_ONCE:
        await asyncio.sleep(0)


class FanOut:
    """`streams`: that may want an event. `hand`: gives it to one of them, unless it no longer does."""

    def __init__(
        self,
        streams: Callable[[EventMessage], Collection[Subscriber]],
        hand: Callable[[EventMessage, Subscriber], None],
    ) -> None:
        self._streams = streams
        self._hand = hand
        self._handed: Counter[str] = Counter()  # to how many streams of each owner since other tasks ran
        self._waiting: dict[str, deque[EventMessage]] = {}  # of each owner
        self._orders: Counter[str] = Counter()  # how many of each order wait
        self._count = 0
        self._arrived = asyncio.Event()

    def receive(self, message: EventMessage) -> None:
        """Most events are for a few streams, which get them at once. But many events may arrive at once."""
        owner = message.owner
        if owner not in self._waiting:
            streams = self._streams(message)
            if (handed := self._handed[owner] + len(streams)) <= AT_ONCE:
                if not self._handed:
                    asyncio.get_running_loop().call_soon(self._handed.clear)
                self._handed[owner] = handed
                for stream in streams:
                    self._hand(message, stream)
                return
        if self._count < MAX_WAITING:
            self._waiting.setdefault(owner, deque()).append(message)
            self._orders[message.order] += 1
            self._count += 1
            self._arrived.set()

    def waits(self, order: str) -> bool:
        """Whether an event of this order has arrived that some of its streams have not been given yet."""
        return order in self._orders

    async def run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                for owner, waiting in list(self._waiting.items()):
                    await self._hand_on(waiting)
                    if not waiting:  # only now: what arrived meanwhile comes after it
                        del self._waiting[owner]

    async def _hand_on(self, waiting: deque[EventMessage]) -> None:
        """One event to all of its streams, or several to AT_ONCE."""
        handed = 0
        while waiting and handed < AT_ONCE:
            message = waiting.popleft()
            try:
                for stream in self._streams(message):
                    self._hand(message, stream)
                    handed += 1
                    if handed % AT_ONCE == 0:
                        await asyncio.sleep(0)
            finally:
                self._count -= 1
                self._orders[message.order] -= 1
                if not self._orders[message.order]:
                    del self._orders[message.order]
        await asyncio.sleep(0)
