"""A worker's lease of an order: every step goes through it and is written before it is published.

- A step carries the fence that the claim raised. If another worker has the order by now, or another session has locked
  it for longer than a lease, it raises `LeaseLost`.
- While Postgres is down a step waits and is repeated. It carries its event number, so it happens once.
- Leases are renewed on the database's clock, whatever Redis does.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from app.logs import info
from app.orders.conditions import Trigger
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.kill_switch.switch import CLEARANCE_SECONDS, KillSwitch
from app.orders.lifecycle import IN_ATTEMPT, WORKER_LOST, Status
from app.orders.model import LeaseLost, Order, OrderEvent, TradingHalted
from app.orders.steps import Move, Rearm, Renewal
from app.orders.store.writes import OrderStore
from app.postgres.errors import DatabaseUnavailable, RowLocked
from worker import order_metrics

log = logging.getLogger("engine.orders")

DATABASE_RETRY_SECONDS = 0.25  # between tries of a write while Postgres is down
LOCKED_RETRY_SECONDS = 0.05  # while another session has locked the row
LOCKED_SECONDS = (
    5.0  # then the order is given up: a lease of a locked row cannot be renewed, and others wait for the slot
)
RENEWALS_PER_LEASE = 3
RENEWAL_BATCH = 100  # in one statement, which must not lock rows for long: moves wait for them
RELEASE_SECONDS = 2.0
Step = TypeVar("Step")
Written = TypeVar("Written")

LOGGED_DETAILS = ("code", "retryInMs", "dex", "price", "quotes", "txHash")  # of an event, in the log


class Lease:
    """One order as it was claimed, and how far it has come since."""

    def __init__(self, order: Order, store: OrderStore, publisher: EventPublisher, kill_switch: KillSwitch) -> None:
        self.order = order
        self.held_back = False  # the kill switch kept this worker from sending the swap
        self.status, self._seq, self._since, self._dex = order.status, order.seq, order.updated_at, order.dex
        self._store = store
        self._publisher = publisher
        self._kill_switch = kill_switch
        self._cleared_at = float("-inf")  # when Postgres was asked whether the swap may be sent
        self._attempt_began: datetime | None = None  # None: another worker began it
        self._building: dict[str, Any] | None = None  # the move to `building`, to be written with the next one

    def labels(self, **more: Any) -> dict[str, Any]:
        """What every log line about this order carries."""
        return {
            "order": str(self.order.id),
            "request": self.order.request_id,
            "attempt": self.order.attempt,
            **more,
        }

    def started(self) -> None:
        """The claim moved the order to routing: publish that event."""
        order = self.order
        self._attempt_began = order.updated_at
        order_metrics.started(order)
        self.publish(
            OrderEvent(
                order_id=order.id,
                seq=order.seq,
                status=order.status,
                attempt=order.attempt,
                at=order.updated_at,
            )
        )

    async def move(self, after: Status, *, details: Mapping[str, Any] | None = None, **columns: Any) -> Status:
        """Make one move, and say where it led: a requested cancel ends a return. Waits for Postgres if need be.

        Raises LeaseLost if another worker has the order, TradingHalted if the kill switch forbids to send its swap.
        """
        if after is Status.SUBMITTED and self._building:
            columns |= self._building
            self._building = None
        await self._write_building()
        move = Move(
            order=self.order.id,
            fence=self.order.fence,
            seq=self._seq + (after is not self.status) + ("building" in columns),
            before=self.status,
            after=after,
            details=details or {},
            **columns,
        )
        began = time.monotonic()
        event = await _until_written(self._store.advance, move)
        if event is None:
            return after
        if after is Status.SUBMITTED:
            self._cleared_at = began
        if move.building is not None:
            first = replace(event, seq=event.seq - 1, status=Status.BUILDING, details=move.building)
            self._moved(first, move.dex)
        return self._moved(event, move.dex)

    async def chosen(self, details: Mapping[str, Any], *, dex: str, at_once: bool) -> None:
        """Move to `building`. If the venue builds at once, that is written with the next move: one commit for both."""
        self._building = {"building": details, "dex": dex}
        if not at_once:
            await self._write_building()

    async def _write_building(self) -> None:
        if self._building:
            columns, self._building = self._building, None
            await self.move(Status.BUILDING, details=columns.pop("building"), **columns)

    async def rearm(self, code: str, error: str, trigger: Trigger, wait_seconds: float) -> Status:
        """The order waits for its condition again, unless it was to be cancelled or its time has run out."""
        await self._write_building()
        step = Rearm(
            order=self.order.id,
            fence=self.order.fence,
            seq=self._seq + 1,
            before=self.status,
            error=error,
            code=code,
            trigger=trigger,
            wait_seconds=wait_seconds,
        )
        return self._moved(await _until_written(self._store.rearm, step), None)

    def _moved(self, event: OrderEvent, dex: str | None) -> Status:
        order_metrics.moved(self.status, self._since, self._dex, event, self._attempt_began)
        self.status, self._seq, self._since, self._dex = event.status, event.seq, event.at, dex or self._dex
        # The next step comes first: this event is published while the database works on that one.
        asyncio.get_running_loop().call_soon(self.publish, event)
        return event.status

    def publish(self, event: OrderEvent) -> None:
        """Publish and log an event that is committed."""
        self._publisher.publish(EventMessage.of(self.order.owner, event))
        details = {name: event.details[name] for name in LOGGED_DETAILS if name in event.details}
        labels, text = self.labels(seq=event.seq, **details), f"order {event.status}"
        if event.status is Status.FAILED:
            log.warning(text, extra=labels)
        else:
            info(log, text, **labels)

    async def clear_to_send(self) -> float:
        """Before each send: until when it may leave, on `time.monotonic`. TradingHalted: the kill switch forbids it.

        Postgres allows it for `CLEARANCE_SECONDS` from when it was asked. An answer that comes later is none:
        DatabaseUnavailable. The move to `submitted` was such a permission, but the worker may have been frozen since.
        """
        if time.monotonic() - self._cleared_at > CLEARANCE_SECONDS:
            asked = await self._kill_switch.may_send(self.order.owner)
            self.held_back = asked is None
            if asked is None:
                raise TradingHalted
            if time.monotonic() - asked > CLEARANCE_SECONDS:
                raise DatabaseUnavailable
            self._cleared_at = asked
        return self._cleared_at + CLEARANCE_SECONDS

    async def take_back(self, code: str, error: str) -> None:
        """End no attempt: the order waits for its start as if this one had not happened."""
        details = {"error": error, "code": code, "retryInMs": 0}
        await self.move(Status.PENDING, ready_in=0, error=error, code=code, details=details)

    async def release(self) -> None:
        """This worker stops: another one may take the order at once."""
        with contextlib.suppress(LeaseLost, TimeoutError):
            async with asyncio.timeout(RELEASE_SECONDS):
                if self.status is Status.SUBMITTED:
                    await self.move(Status.SUBMITTED, ready_in=0)
                elif self.status in IN_ATTEMPT:
                    await self.take_back(WORKER_LOST, "the worker was stopped before it sent anything")


async def _until_written(write: Callable[[Step], Awaitable[Written]], step: Step) -> Written:
    locked_since: float | None = None
    while True:
        try:
            return await write(step)
        except RowLocked:
            locked_since = locked_since or time.monotonic()
            if time.monotonic() - locked_since > LOCKED_SECONDS:
                raise LeaseLost("another session has locked the order") from None
            await asyncio.sleep(LOCKED_RETRY_SECONDS)
        except DatabaseUnavailable:
            await asyncio.sleep(DATABASE_RETRY_SECONDS)


class Leases:
    """All leases of this worker."""

    def __init__(
        self, store: OrderStore, publisher: EventPublisher, kill_switch: KillSwitch, *, lease_seconds: float
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._kill_switch = kill_switch
        self._lease_seconds = lease_seconds
        self._held: dict[UUID, Lease] = {}
        self._make: Callable[..., Lease] = Lease

    @contextlib.contextmanager
    def hold(self, order: Order) -> Iterator[Lease]:
        """The lease of a claimed order, renewed for as long as the block runs."""
        lease = self._held[order.id] = self._make(order, self._store, self._publisher, self._kill_switch)
        try:
            yield lease
        finally:
            if self._held.get(order.id) is lease:
                del self._held[order.id]

    async def renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / RENEWALS_PER_LEASE)
            renewals = [Renewal(lease.order.id, lease.order.fence) for lease in self._held.values()]
            for start in range(0, len(renewals), RENEWAL_BATCH):
                with contextlib.suppress(DatabaseUnavailable):
                    await self._store.renew(renewals[start : start + RENEWAL_BATCH])
