"""Tells everyone of orders that were moved: publishes their events, and queues those that were fired."""

import logging
from collections.abc import Sequence
from datetime import datetime

from app import metrics
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.intake import Intake
from app.orders.waiting.triggers import Moved

log = logging.getLogger("engine.watcher")


class Announcer:
    def __init__(self, intake: Intake, publisher: EventPublisher) -> None:
        self._intake = intake
        self._publisher = publisher

    def starts_in_ms(self) -> int | None:
        """In how many ms the next order that is queued can start; None: not known."""
        return None

    async def fired(self, orders: Sequence[Moved], price_at: datetime) -> None:
        """If Redis is down the sweeper queues them."""
        for order in orders:
            metrics.FIRED.labels(order.type).inc()
            metrics.TO_PENDING.observe((order.event.at - price_at).total_seconds())
        if orders:
            await self._intake.enqueue([EventMessage.of(order.owner, order.event) for order in orders])

    async def ended(self, orders: Sequence[Moved]) -> None:
        for order in orders:
            metrics.ENDED.labels(order.event.status, "none").inc()
            self._publisher.publish(EventMessage.of(order.owner, order.event))
