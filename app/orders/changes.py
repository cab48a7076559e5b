"""Groups of orders that wait, and changes of such orders: written to Postgres first, then published."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from app import metrics
from app.orders.conditions import Lifetime, Waiting
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.model import Order
from app.orders.store.open_orders import OpenOrders, OrderGroup, Selection, Slices
from app.orders.store.placing_groups import GroupPlacing, PlacedGroup, PlaceGroup
from app.postgres.errors import DatabaseUnavailable

LOCKED_SECONDS = 3.0  # for which a cancel of many orders waits for rows that somebody has locked
LOOK_SECONDS = 0.02
LATE_SECONDS = 1.0  # after which a cancel of many orders leaves those that were placed since it arrived


class Changes:
    def __init__(self, store: OpenOrders, groups: GroupPlacing, publisher: EventPublisher) -> None:
        self._store = store
        self._groups = groups
        self._publisher = publisher
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # of owners, to cancel all

    async def place_group(self, group: PlaceGroup) -> PlacedGroup:
        placed = await self._groups.place(group)
        for order in placed.orders:
            if order.event is not None:
                metrics.ACCEPTED.inc()
                self._publisher.publish(EventMessage.of(group.owner, order.event))
        return placed

    async def group_placed_before(self, group: PlaceGroup) -> PlacedGroup | None:
        """The group that this one repeats: what its orders wait for need not be known. Raises KeyReused."""
        return await self._groups.find(group)

    async def group(self, group: UUID, owner: str) -> OrderGroup | None:
        return await self._store.group(group, owner)

    async def slices(self, parents: Sequence[UUID]) -> dict[UUID, Slices]:
        return await self._store.slices(parents)

    async def amend(
        self, order: Order, waiting: Waiting, lifetime: Lifetime, *, slippage_bps: int, details: Mapping[str, Any]
    ) -> Order | None:
        """The amended order; None: it is no longer as it was read."""
        amended = await self._store.amend(order, waiting, lifetime, slippage_bps=slippage_bps, details=details)
        if amended is None:
            return None
        self._publisher.publish(EventMessage.of(order.owner, amended[1]))
        return amended[0]

    async def cancel_all(self, owner: str, chosen: Selection, *, arrived: float) -> int:
        """How many orders were cancelled: of those chosen, all whose swap was not sent. `arrived`: when the request
        did, on `time.monotonic`. Orders that were placed long after that are left: this process was frozen.

        An order that somebody has locked holds up no other one. It is waited for at the end, and not for ever.
        """
        cancelled, deadline = 0, 0.0
        while True:
            async with self._turns.setdefault(owner, asyncio.Lock()):  # two at once would lock out each other
                more, is_locked = await self._cancel_unlocked(owner, chosen, arrived)
            cancelled += more
            if not is_locked:
                return cancelled
            deadline = deadline or time.monotonic() + LOCKED_SECONDS
            if time.monotonic() > deadline:
                raise DatabaseUnavailable
            await asyncio.sleep(LOOK_SECONDS)

    async def _cancel_unlocked(self, owner: str, chosen: Selection, arrived: float) -> tuple[int, bool]:
        """How many were cancelled, and whether there are others that somebody has locked."""
        cancelled, left_out = 0, list[UUID]()
        while True:
            seconds = time.monotonic() - arrived
            late = seconds if seconds > LATE_SECONDS else None
            page = await self._store.cancel_page(owner, chosen, without=left_out, placed_before=late)
            if page.is_empty:
                return cancelled, bool(left_out)
            cancelled += len(page.events)
            for event in page.events:
                metrics.ENDED.labels(event.status, "none").inc()
                self._publisher.publish(EventMessage.of(owner, event))
            left_out += page.left_out
