"""Placing an order: written to the book first, then announced and queued; answered whatever Redis does."""

import asyncio
import logging
import os
import time
from dataclasses import dataclass
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from app import metrics
from app.batching import Batcher
from app.connections import Breaker, RedisAway
from app.orders.announcing import Announcement, Announcer, announce
from app.orders.book import Book
from app.orders.model import BookAway, Order, OrderEvent, Placed, PlaceOrder
from app.orders.queue import Line
from app.orders.scripts import pipelined

log = logging.getLogger("engine.intake")

TRIES = 3  # of an insert whose answer was lost; by its own id, so it can be made only once
PAUSE = 0.05


def new_order_id() -> UUID:
    """UUID version 7: orders that are neighbours in time are neighbours in every index."""
    milliseconds, random = time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    return UUID(int=value & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0b10 << 62)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to whoever placed an order."""

    placed: Placed
    starts_in_ms: int | None  # None: not known now


class Intake:
    def __init__(self, book: Book, redis: Redis, line: Line, announcer: Announcer, breaker: Breaker) -> None:
        self._book = book
        self._redis = redis
        self._line = line
        self._announcer = announcer
        self._breaker = breaker
        self._queue: Batcher[Announcement, int | None] = Batcher(self._put)

    async def place(self, order: PlaceOrder) -> Accepted:
        """Durable when this returns. Raises BookAway (it may have happened: repeat with the key) or KeyReused."""
        placed = await self._write(order)
        if placed.pending is None:
            return Accepted(placed, None)
        metrics.ACCEPTED.inc()
        return Accepted(placed, await self._queue(announce(order.owner, placed.pending)))

    async def cancel(self, order_id: UUID, owner: str) -> Order | None:
        result = await self._book.cancel(order_id, owner)
        if result is None:
            return None
        order, event = result
        if event is not None:
            metrics.ENDED.labels(event.status, order.dex or "none").inc()
            self._say(order.owner, event)
        return order

    async def _write(self, order: PlaceOrder) -> Placed:
        for tried in range(1, TRIES + 1):
            try:
                return await self._book.place(order)
            except BookAway:
                if tried == TRIES:
                    raise
                await asyncio.sleep(PAUSE * tried)
        raise AssertionError("unreachable")

    def _say(self, owner: str, event: OrderEvent) -> None:
        self._announcer.say(announce(owner, event))

    async def _put(self, pending: list[Announcement]) -> list[int | None]:
        """One trip for all: they are announced, then queued. If Redis is away the sweeper queues them."""

        def fill(pipe: Pipeline) -> None:
            self._announcer.put(pipe, pending)
            self._line.put(pipe, {item.order: 0 for item in pending})

        try:
            _, queued = await self._breaker.call(pipelined(self._redis, fill))
        except RedisAway:
            log.warning("accepted without Redis, the sweeper will queue", extra={"orders": len(pending)})
            return [None] * len(pending)
        return [starts_in for _, starts_in in self._line.put_answer(queued)]
