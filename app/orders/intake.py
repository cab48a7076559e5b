"""Placing and cancelling orders: written to Postgres first, then published and queued. Redis may be down meanwhile."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from redis.asyncio import Redis

from app import metrics
from app.batching import Batcher
from app.orders.conditions import Waiting
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.lifecycle import QUEUED
from app.orders.model import Order, Placed, PlaceOrder
from app.orders.queue.lanes import queue_entry
from app.orders.queue.order_queue import OrderQueue
from app.orders.store.writes import OrderStore
from app.postgres.errors import DatabaseUnavailable, DiskFull
from app.redis_client import CircuitBreaker, RedisUnavailable
from app.redis_scripts import Pipeline, pipelined

log = logging.getLogger("engine.intake")

MAX_TRIES = 3  # of an insert whose answer was lost; the id is the same each time, so one order is made
RETRY_SECONDS = 0.05
GIVE_UP_SECONDS = 10.0  # no further try after that: the client learns that Postgres does not answer
DISK_FULL_SECONDS = (
    10.0  # for which a full disk is reported after a refused order: no read tells whether there is space
)


Enqueue = Callable[[tuple[EventMessage, str]], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class Accepted:
    placed: Placed
    starts_in_ms: int | None  # None: not known now
    waiting: Waiting | None = None


class Intake:
    def __init__(
        self, store: OrderStore, redis: Redis, queue: OrderQueue, publisher: EventPublisher, breaker: CircuitBreaker
    ) -> None:
        self._store = store
        self._redis = redis
        self._queue = queue
        self._publisher = publisher
        self._breaker = breaker
        self._full_until = self._stored_at = 0.0
        self.refused = False  # Postgres stored none of the last orders
        self._enqueue: Enqueue = Batcher(self.enqueue)

    @property
    def disk_full(self) -> bool:
        """Whether Postgres refused the last order, a moment ago, because it has no disk space left."""
        return time.monotonic() < self._full_until

    async def place(self, order: PlaceOrder) -> Accepted:
        """Durable when this returns. Raises KeyReused, TradingStopped, RiskLimitExceeded, or DatabaseUnavailable: then
        repeat it with the same key.
        """
        placed = await self._write(order)
        if placed.event is None:
            return Accepted(placed, None, order.waiting)
        metrics.ACCEPTED.inc()
        message = EventMessage.of(order.owner, placed.event)
        if placed.status not in QUEUED:
            self._publisher.publish(message)
            return Accepted(placed, None, order.waiting)
        return Accepted(placed, await self._enqueue((message, queue_entry(message.order, order.type, order.owner))))

    async def placed_before(self, order: PlaceOrder) -> Accepted | None:
        """The order that this one repeats: what it waits for need not be known. Raises KeyReused, or
        DatabaseUnavailable.
        """
        placed = await self._store.placed_before(order)
        return None if placed is None else Accepted(placed, None, order.waiting)

    async def cancel(self, order_id: UUID, owner: str) -> Order | None:
        """The cancelled order; None: this owner has no such order. Raises IllegalCancel."""
        result = await self._store.cancel(order_id, owner)
        if result is None:
            return None
        order, event = result
        if event is not None:
            metrics.ENDED.labels(event.status, order.dex or "none").inc()
            self._publisher.publish(EventMessage.of(order.owner, event))
        return order

    async def enqueue(self, pending: Sequence[tuple[EventMessage, str]]) -> list[int | None]:
        """Publish the events of new orders and queue their entries in one round trip; in how many ms each can start.

        If Redis is down the sweeper queues them.
        """

        def fill(pipe: Pipeline) -> None:
            self._publisher.add_to(pipe, [message for message, _ in pending])
            self._queue.enqueue_new(pipe, [entry for _, entry in pending])

        try:
            _, queued = await self._breaker.call(pipelined(self._redis, fill))
        except RedisUnavailable:
            log.warning("orders accepted while Redis is down, the sweeper queues them", extra={"orders": len(pending)})
            return [None] * len(pending)
        return [starts_in for _, starts_in in self._queue.parse_enqueued(queued)]

    async def _write(self, order: PlaceOrder) -> Placed:
        began = time.monotonic()
        for tries in range(1, MAX_TRIES + 1):
            try:
                placed = await self._store.place(order)
                self._full_until, self.refused, self._stored_at = 0.0, False, time.monotonic()
                return placed
            except DatabaseUnavailable as error:
                if isinstance(error, DiskFull):
                    self._full_until = time.monotonic() + DISK_FULL_SECONDS
                if tries == MAX_TRIES or time.monotonic() > began + GIVE_UP_SECONDS:
                    self.refused = self._stored_at < began
                    raise
                await asyncio.sleep(RETRY_SECONDS * tries)
        raise AssertionError("unreachable")
