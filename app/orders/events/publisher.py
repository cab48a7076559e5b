"""Ringing the bell: what was committed is announced to whoever listens, and kept a while for those who come late.

Nothing here is the truth. An announcement may be lost, come late or come twice; the book heals it.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from app import metrics
from app.orders.lifecycle import TERMINAL
from app.orders.model import OrderEvent
from app.redis_client import REDIS_UNAVAILABLE
from app.redis_scripts import Argument, Script, pipelined
from app.tasks import cancel_and_wait, run_forever

PUBLISH = Script(Path(__file__).with_name("publish.lua"))

CHANNEL = "engine:events"
BACKLOG = "engine:active:"  # + order id: hash of seq → event, and the owner
PER_TRIP = 500  # announcements sent at once
ENDED_SECONDS = 60  # an order that has ended is kept this long, for those on their way

log = logging.getLogger("engine.feed")


@dataclass(frozen=True, slots=True)
class EventMessage:
    """An event on its way, serialised once for everybody."""

    order: str
    owner: str
    seq: int
    terminal: bool
    body: bytes

    @staticmethod
    def of(owner: str, event: OrderEvent) -> "EventMessage":
        return EventMessage(str(event.order_id), owner, event.seq, event.is_terminal, event.as_json())


def pack(items: Iterable[EventMessage]) -> bytes:
    """One message on the channel: for each event two lines, who it is for and what it says."""
    return b"\n".join(
        b"%b %d %b %b\n%b"
        % (item.order.encode(), item.seq, b"end" if item.terminal else b"more", item.owner.encode(), item.body)
        for item in items
    )


def unpack(message: bytes) -> Iterator[EventMessage]:
    lines = message.split(b"\n")  # in JSON a line break is always escaped
    for head, body in zip(lines[::2], lines[1::2], strict=True):
        order, seq, end, owner = head.decode().split(" ", 3)
        yield EventMessage(order, owner, int(seq), end == "end", body)


class EventPublisher:
    """One ordered background sender per process. Bounded: when Redis is slow or away it drops the oldest."""

    def __init__(self, redis: Redis, *, keep_seconds: int, most: int = 10_000) -> None:
        self._redis = redis
        self._keep = keep_seconds
        self._waiting: deque[tuple[float, EventMessage]] = deque(maxlen=most)
        self._some = asyncio.Event()
        self._sending = False
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def start(self) -> None:
        self._task = run_forever("announcer", self._send)

    async def stop(self) -> None:
        """Say what can still be said within a second."""
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self._waiting or self._sending:
                    await asyncio.sleep(0.01)
        await cancel_and_wait(self._task)

    def publish(self, item: EventMessage) -> None:
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append((time.monotonic(), item))
        self._some.set()

    def add_to(self, pipe: Pipeline, items: Sequence[EventMessage]) -> None:
        """Announce as part of somebody's pipeline."""
        arguments: list[Argument] = [CHANNEL, pack(items)]
        for item in items:
            keep = min(ENDED_SECONDS, self._keep) if item.terminal else self._keep
            arguments += (item.seq, item.body, item.owner, keep)
        PUBLISH.add_to(pipe, [BACKLOG + item.order for item in items], arguments)

    async def _send(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                # Taken out before it is sent: a lost answer must not make the next batch repeat this one for ever.
                self._sending = True
                since = self._waiting[0][0]
                batch = [self._waiting.popleft()[1] for _ in range(min(PER_TRIP, len(self._waiting)))]
                try:
                    await pipelined(self._redis, partial(self.add_to, items=batch))
                    metrics.PUBLISHED.observe(time.monotonic() - since)
                except REDIS_UNAVAILABLE as error:
                    self.dropped += len(batch)
                    log.warning("announcements lost, Redis is away", extra={"lost": len(batch), "error": str(error)})
                    await asyncio.sleep(0.2)
                finally:
                    self._sending = False


async def backlog(redis: Redis, order: str, owner: str | None, after: int) -> list[EventMessage] | None:
    """What Redis kept of an order beyond `after`; None unless that is there without a gap and of this owner.

    There may be more: the tail of a backlog is never trusted.
    """
    kept = await redis.hgetall(BACKLOG + order)  # type: ignore[misc]
    keeper = kept.pop(b"owner", None)
    if keeper is None or (owner is not None and keeper.decode() != owner):
        return None
    bodies = {int(seq): body for seq, body in kept.items()}
    last = max(bodies, default=0)
    if last < after or any(seq not in bodies for seq in range(after + 1, last + 1)):
        return None
    told = [
        EventMessage(order, keeper.decode(), seq, orjson.loads(bodies[seq])["status"] in TERMINAL, bodies[seq])
        for seq in range(after + 1, last + 1)
    ]
    # Nothing beyond `after` may mean that the order has ended there: only the book can tell.
    return told or None
