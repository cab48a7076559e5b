"""An order in the hands of this worker: every step is written, with patience, before it is told."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.lifecycle import TERMINAL, WORKER_LOST, Status
from app.orders.model import LeaseLost, Move, Order, OrderEvent, Renewal
from app.orders.store.writes import OrderStore
from app.postgres import DatabaseUnavailable
from worker import order_metrics

log = logging.getLogger("engine.orders")

DATABASE_RETRY_SECONDS = 0.25  # between tries of a write while Postgres is away
RENEWALS_PER_LEASE = 3
RENEWED_AT_ONCE = 100  # so that no step of theirs waits long for its row
TOLD = ("code", "retryInMs", "dex", "price", "quotes", "txHash")  # of an event's details, in the log


class Lease:
    """One order as it was claimed, and how far it has come since."""

    def __init__(self, order: Order, store: OrderStore, publisher: EventPublisher) -> None:
        self.order = order
        self.status, self._seq, self._since, self._dex = order.status, order.seq, order.updated_at, order.dex
        self._store = store
        self._publisher = publisher
        self._began: datetime | None = None  # the attempt, if it was in these hands

    def labels(self, **more: Any) -> dict[str, Any]:
        """What every log line about this order carries."""
        return {
            "order": str(self.order.id),
            "request": self.order.request_id,
            "attempt": self.order.attempt,
            **more,
        }

    async def move(self, after: Status, *, details: Mapping[str, Any] | None = None, **columns: Any) -> None:
        """One step on. Waits for Postgres if need be; raises LeaseLost if the order is no longer ours."""
        step = Move(
            order=self.order.id,
            fence=self.order.fence,
            seq=self._seq + (after is not self.status),
            before=self.status,
            after=after,
            details=details or {},
            **columns,
        )
        event = await self._written(step)
        if event is None:
            return
        order_metrics.moved(self.status, self._since, self._dex, event, self._began)
        self.status, self._seq, self._since, self._dex = after, step.seq, event.at, step.dex or self._dex
        # First comes the next step: while the database works on that, this one is told.
        asyncio.get_running_loop().call_soon(self.tell, event)

    def tell(self, event: OrderEvent) -> None:
        """Announce what is committed, and log it."""
        self._publisher.publish(EventMessage.of(self.order.owner, event))
        told = {name: event.details[name] for name in TOLD if name in event.details}
        level = logging.WARNING if event.status is Status.FAILED else logging.INFO
        log.log(level, "order %s", event.status, extra=self.labels(seq=event.seq, **told))

    def started(self) -> None:
        """The claim was the move to routing: tell it."""
        order = self.order
        self._began = order.updated_at
        order_metrics.started(order)
        self.tell(
            OrderEvent(
                order_id=order.id,
                seq=order.seq,
                status=order.status,
                attempt=order.attempt,
                at=order.updated_at,
            )
        )

    async def hand_back(self) -> None:
        """This worker is going: let the order go on elsewhere, at once."""
        with contextlib.suppress(LeaseLost, TimeoutError):
            async with asyncio.timeout(2):
                if self.status is Status.SUBMITTED:
                    await self.move(Status.SUBMITTED, ready_in=0)
                elif self.status not in TERMINAL and self.status is not Status.PENDING:
                    error = "the worker was stopped before it sent anything"
                    await self.move(
                        Status.PENDING,
                        ready_in=0,
                        error=error,
                        code=WORKER_LOST,
                        details={"error": error, "code": WORKER_LOST, "retryInMs": 0},
                    )

    async def _written(self, step: Move) -> OrderEvent | None:
        while True:
            try:
                return await self._store.advance(step)
            except DatabaseUnavailable:
                # It may have landed. The same step again is harmless: it carries the number of its event.
                await asyncio.sleep(DATABASE_RETRY_SECONDS)


class Leases:
    """All that this worker holds. Leases are kept on the database's clock, whatever Redis does."""

    def __init__(self, store: OrderStore, publisher: EventPublisher, *, lease_seconds: float) -> None:
        self._store = store
        self._publisher = publisher
        self._lease_seconds = lease_seconds
        self._held: dict[UUID, Lease] = {}

    @contextlib.contextmanager
    def lease(self, order: Order) -> Iterator[Lease]:
        lease = self._held[order.id] = Lease(order, self._store, self._publisher)
        try:
            yield lease
        finally:
            if self._held.get(order.id) is lease:
                del self._held[order.id]

    async def keep(self) -> None:
        """Renew for ever."""
        while True:
            await asyncio.sleep(self._lease_seconds / RENEWALS_PER_LEASE)
            held = [Renewal(lease.order.id, lease.order.fence) for lease in self._held.values()]
            for start in range(0, len(held), RENEWED_AT_ONCE):
                with contextlib.suppress(DatabaseUnavailable):
                    await self._store.renew(held[start : start + RENEWED_AT_ONCE])
