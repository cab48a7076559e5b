"""Changes that owners make to orders that wait: written to Postgres first, then published."""

from collections.abc import Mapping
from typing import Any

from app import metrics
from app.orders.conditions import Waiting
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.model import Order
from app.orders.store.open_orders import OpenOrders, Selection


class Changes:
    def __init__(self, store: OpenOrders, publisher: EventPublisher) -> None:
        self._store = store
        self._publisher = publisher

    async def amend(
        self, order: Order, waiting: Waiting, *, slippage_bps: int, details: Mapping[str, Any]
    ) -> Order | None:
        """The amended order; None: it is no longer as it was read."""
        amended = await self._store.amend(order, waiting, slippage_bps=slippage_bps, details=details)
        if amended is None:
            return None
        self._publisher.publish(EventMessage.of(order.owner, amended[1]))
        return amended[0]

    async def cancel_all(self, owner: str, chosen: Selection) -> int:
        """How many orders were cancelled: of those chosen, all whose swap was not sent."""
        cancelled = 0
        while events := await self._store.cancel_page(owner, chosen):
            cancelled += len(events)
            for event in events:
                metrics.ENDED.labels(event.status, "none").inc()
                self._publisher.publish(EventMessage.of(owner, event))
        return cancelled
