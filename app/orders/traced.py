"""Placing orders as spans, and with the trace in them. Used only if tracing is on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.orders.changes import Changes
from app.orders.events.publisher import EventMessage
from app.orders.intake import Accepted, Intake
from app.orders.model import Placed, PlaceOrder
from app.orders.store.placing_groups import PlacedGroup, PlaceGroup
from app.tracing import Tracing


class TracedIntake(Intake):
    def __init__(self, tracing: Tracing, *parts: Any) -> None:
        super().__init__(*parts)
        self._tracing = tracing
        self._enqueue_untraced = self._enqueue
        self._enqueue = self._enqueue_traced

    async def place(self, order: PlaceOrder) -> Accepted:
        attributes = {"order.id": str(order.id), "order.type": order.type}
        with self._tracing.span("place order", attributes, kind="PRODUCER"):
            return await super().place(replace(order, request_id=self._tracing.carried(order.request_id)))

    async def _write(self, order: PlaceOrder) -> Placed:
        with self._tracing.span("store in Postgres", {}, kind="CLIENT"):
            return await super()._write(order)

    async def _enqueue_traced(self, pending: tuple[EventMessage, str]) -> int | None:
        with self._tracing.span("publish and queue in Redis", {}, kind="CLIENT"):
            return await self._enqueue_untraced(pending)


class TracedChanges(Changes):
    def __init__(self, tracing: Tracing, *parts: Any) -> None:
        super().__init__(*parts)
        self._tracing = tracing

    async def place_group(self, group: PlaceGroup) -> PlacedGroup:
        with self._tracing.span("place group", {"group.id": str(group.id)}, kind="PRODUCER"):
            return await super().place_group(replace(group, orders=self._carrying(group.orders)))

    def _carrying(self, orders: Sequence[PlaceOrder]) -> Sequence[PlaceOrder]:
        return [replace(order, request_id=self._tracing.carried(order.request_id)) for order in orders]
