"""Publishing committed events to the API processes, and keeping them in Redis for a while for replay.

Redis is not the record. A message may be lost, late or repeated, or not be ours; every reader falls back to Postgres.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path

from redis.asyncio import Redis

from app import metrics
from app.orders.events.signature import EventSignatures
from app.orders.model import OrderEvent
from app.redis_client import REDIS_UNAVAILABLE
from app.redis_scripts import Argument, Pipeline, Script, pipelined
from app.tasks import cancel_and_wait, run_forever

PUBLISH = Script(Path(__file__).with_name("publish.lua"))

CHANNEL = "engine:events"  # of database number 0
BACKLOG = "engine:active:"  # + order id: hash of seq → event, packed as on the channel
MAX_BATCH = 500  # events in one message
ENDED_TTL_SECONDS = 60  # how long the backlog of an order that has ended is kept

log = logging.getLogger("engine.publisher")


def channel_of(redis: Redis) -> str:
    """A channel belongs to no database number, and two engines may share a Redis by their numbers."""
    number = redis.connection_pool.connection_kwargs.get("db") or 0
    return f"{CHANNEL}:{number}" if number else CHANNEL


@dataclass(frozen=True, slots=True)
class EventMessage:
    """An event as it is sent to clients, serialised once for all of them."""

    order: str
    owner: str  # '': read from Postgres for one subscriber, not for the channel
    seq: int
    terminal: bool
    body: bytes  # the event as JSON

    @staticmethod
    def of(owner: str, event: OrderEvent) -> "EventMessage":
        return EventMessage(str(event.order_id), owner, event.seq, event.is_terminal, event.as_json())


def pack(item: EventMessage, signatures: EventSignatures) -> bytes:
    """A line of metadata, which ends with the signature over everything else, and a line with the JSON."""
    end = b"end" if item.terminal else b"more"
    metadata = b"%b %d %b %b" % (item.order.encode(), item.seq, end, item.owner.encode())
    return b"%b %b\n%b" % (metadata, signatures.sign(metadata, item.body), item.body)


def unpack(data: bytes, signatures: EventSignatures) -> Iterator[EventMessage]:
    """The events in a message, without those whose signature is not valid."""
    # In JSON a line break is always escaped. Four megabytes of them, from somebody else, must not cost seconds.
    lines = data.split(b"\n", 2 * MAX_BATCH)
    for line, body in zip_longest(lines[::2], lines[1::2], fillvalue=b""):
        metadata, _, signature = line.rpartition(b" ")
        if signatures.valid(metadata, body, signature):
            order, seq, end, owner = metadata.decode().split(" ", 3)
            yield EventMessage(order, owner, int(seq), end == "end", body)


class EventPublisher:
    """One ordered background sender per process. Bounded: when Redis is slow or down it drops the oldest events."""

    def __init__(
        self, redis: Redis, signatures: EventSignatures, *, keep_seconds: int, max_waiting: int = 10_000
    ) -> None:
        self._redis, self._channel = redis, channel_of(redis)
        self._signatures = signatures
        self._keep = keep_seconds
        self._waiting: deque[tuple[float, EventMessage]] = deque(maxlen=max_waiting)
        self._not_empty = asyncio.Event()
        self._sending = False
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def start(self) -> None:
        self._task = run_forever("publisher", self._send)

    async def stop(self) -> None:
        """Send what can be sent within a second."""
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self._waiting or self._sending:
                    await asyncio.sleep(0.01)
        await cancel_and_wait(self._task)

    def publish(self, message: EventMessage) -> None:
        self.dropped += len(self._waiting) == self._waiting.maxlen
        self._waiting.append((time.monotonic(), message))
        self._not_empty.set()

    def add_to(self, pipe: Pipeline, messages: Sequence[EventMessage]) -> None:
        """Publish as part of a pipeline."""
        arguments: list[Argument] = [self._channel]
        for item in messages:
            keep = min(ENDED_TTL_SECONDS, self._keep) if item.terminal else self._keep
            arguments += (item.seq, pack(item, self._signatures), keep)
        PUBLISH.add_to(pipe, [BACKLOG + item.order for item in messages], arguments)

    async def _send(self) -> None:
        while True:
            await self._not_empty.wait()
            self._not_empty.clear()
            while self._waiting:
                # Removed before they are sent: when an answer is lost, the next batch must not repeat this one.
                self._sending = True
                oldest = self._waiting[0][0]
                batch = [self._waiting.popleft()[1] for _ in range(min(MAX_BATCH, len(self._waiting)))]
                try:
                    await pipelined(self._redis, partial(self.add_to, messages=batch))
                    metrics.PUBLISHED.observe(time.monotonic() - oldest)
                except REDIS_UNAVAILABLE as error:
                    self.dropped += len(batch)
                    log.warning("events not published: Redis is down", extra={"lost": len(batch), "error": str(error)})
                    await asyncio.sleep(0.2)
                finally:
                    self._sending = False
