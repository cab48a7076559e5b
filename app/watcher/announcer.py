"""Tells everyone of orders that were moved: publishes their events, and queues those that were fired."""

import logging
from collections.abc import Sequence
from datetime import datetime

from app import metrics
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.intake import Intake
from app.orders.queue.lanes import Lane, queue_entry, share_of
from app.orders.queue.order_queue import OrderQueue
from app.orders.waiting.triggers import Backlog, Moved
from app.redis_client import CircuitBreaker, RedisUnavailable

log = logging.getLogger("engine.watcher")


class Announcer:
    def __init__(
        self, intake: Intake, publisher: EventPublisher, queue: OrderQueue, breaker: CircuitBreaker, *, per_minute: int
    ) -> None:
        self._intake = intake
        self._publisher = publisher
        self._queue = queue
        self._breaker = breaker
        self._per_minute = per_minute  # the start limit

    async def backlog(self, lane: Lane) -> Backlog:
        """What the next order that is fired waits for: the orders in its lane, with the lane's share of the starts."""
        if not self._per_minute:
            return Backlog(0, 0)
        try:
            depth = await self._breaker.call(self._queue.depth())
        except RedisUnavailable:
            return Backlog(None, self._per_minute)
        share = share_of(lane, depth.lanes)
        left = int((depth.starts_left or 0) * share)
        return Backlog(depth.lanes[lane] - left, max(1, int(self._per_minute * share)))

    async def fired(self, orders: Sequence[Moved], price_at: datetime) -> None:
        """If Redis is down the sweeper queues them."""
        for order in orders:
            metrics.FIRED.labels(order.type).inc()
            metrics.TO_PENDING.observe((order.event.at - price_at).total_seconds())
        if orders:
            await self._intake.enqueue([(EventMessage.of(one.owner, one.event), _entry(one)) for one in orders])

    async def ended(self, orders: Sequence[Moved]) -> None:
        for order in orders:
            if order.event.is_terminal:
                metrics.ENDED.labels(order.event.status, "none").inc()
            self._publisher.publish(EventMessage.of(order.owner, order.event))


def _entry(order: Moved) -> str:
    return queue_entry(str(order.event.order_id), order.type, order.owner)
