"""The steps of an order as spans, below the request that placed it. Used only if tracing is on."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from app.orders.lifecycle import Status
from app.orders.model import Order, OrderEvent
from app.tracing import Tracing, request_and_trace
from worker.lease import Lease, Leases


class TracedLeases(Leases):
    def __init__(self, tracing: Tracing, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self._tracing = tracing
        self._make = partial(_TracedLease, tracing)

    @contextlib.contextmanager
    def hold(self, order: Order) -> Iterator[Lease]:
        """One span for what this worker does with the order now; none if its request was not recorded."""
        request_id, trace = request_and_trace(order.request_id)
        held = super().hold(replace(order, request_id=request_id))
        if trace is None:
            with held as lease:
                yield lease
            return
        attributes: dict[str, str | int] = {
            "order.id": str(order.id),
            "order.type": order.type,
            "order.attempt": order.attempt,
        }
        with self._tracing.span("execute order", attributes, kind="CONSUMER", parent=trace), held as lease:
            yield lease


class _TracedLease(Lease):
    def __init__(self, tracing: Tracing, *parts: Any) -> None:
        super().__init__(*parts)
        self._tracing = tracing
        self._reached = time.time_ns()  # when it came to its status, on the clock of this machine

    def _moved(self, event: OrderEvent, dex: str | None) -> Status:
        """A span for the status that it leaves."""
        before, now = self.status, time.time_ns()
        attributes = {"order.next": event.status.value}
        if venue := dex or self._dex:
            attributes["order.dex"] = venue
        if code := event.details.get("code"):
            attributes["order.code"] = code
        self._tracing.stage(f"order {before}", attributes, began=self._reached, ended=now)
        if event.status is Status.FAILED:
            self._tracing.failed(code or "failed")
        self._reached = now
        return super()._moved(event, dex)
