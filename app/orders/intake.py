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
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.model import Order, OrderEvent, Placed, PlaceOrder
from app.orders.queue.order_queue import OrderQueue
from app.orders.store.writes import OrderStore
from app.postgres import DatabaseUnavailable
from app.redis_client import CircuitBreaker, RedisUnavailable
from app.redis_scripts import pipelined

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
    def __init__(
        self, store: OrderStore, redis: Redis, queue: OrderQueue, publisher: EventPublisher, breaker: CircuitBreaker
    ) -> None:
        self._store = store
        self._redis = redis
        self._queue = queue
        self._publisher = publisher
        self._breaker = breaker
        self._enqueue: Batcher[EventMessage, int | None] = Batcher(self._put)

    async def place(self, order: PlaceOrder) -> Accepted:
        """Durable when this returns. Raises BookAway (it may have happened: repeat with the key) or KeyReused."""
        placed = await self._write(order)
        if placed.pending is None:
            return Accepted(placed, None)
        metrics.ACCEPTED.inc()
        return Accepted(placed, await self._enqueue(EventMessage.of(order.owner, placed.pending)))

    async def cancel(self, order_id: UUID, owner: str) -> Order | None:
        result = await self._store.cancel(order_id, owner)
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
                return await self._store.place(order)
            except DatabaseUnavailable:
                if tried == TRIES:
                    raise
                await asyncio.sleep(PAUSE * tried)
        raise AssertionError("unreachable")

    def _say(self, owner: str, event: OrderEvent) -> None:
        self._publisher.publish(EventMessage.of(owner, event))

    async def _put(self, pending: list[EventMessage]) -> list[int | None]:
        """One trip for all: they are announced, then queued. If Redis is away the sweeper queues them."""

        def fill(pipe: Pipeline) -> None:
            self._publisher.add_to(pipe, pending)
            self._queue.enqueue(pipe, {item.order: 0 for item in pending})

        try:
            _, queued = await self._breaker.call(pipelined(self._redis, fill))
        except RedisUnavailable:
            log.warning("accepted without Redis, the sweeper will queue", extra={"orders": len(pending)})
            return [None] * len(pending)
        return [starts_in for _, starts_in in self._queue.parse_enqueued(queued)]
