"""Tracing with OpenTelemetry. Without TRACING_ENDPOINT nothing of it is imported, and no request passes any of it.

One trace leads from the request that places an order to the end of that order. Where it began stands behind the id of
the request, which is stored with the order anyway: so it outlives Redis, retries and restarts, and each slice has it.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from app.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span

SEPARATOR = "/"  # between the id of a request and its trace: no id has it
EXPORT_SECONDS = 5  # for one batch of spans, and at the end for what is left


class Tracing:
    """The spans of one process."""

    def __init__(self, service: str, *, sample: float, processor: "SpanProcessor") -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # Not the provider of the whole process: FastAPI and libraries would begin to make spans of their own.
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service}),
            sampler=ParentBased(TraceIdRatioBased(sample)),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("order-execution-engine")
        self._propagator = TraceContextTextMapPropagator()
        self._kinds = trace.SpanKind
        self._error = trace.StatusCode.ERROR
        self._current = trace.get_current_span

    @contextlib.contextmanager
    def span(
        self, name: str, attributes: Mapping[str, str | int], *, kind: str = "INTERNAL", parent: str | None = None
    ) -> Iterator["Span"]:
        """The block is a span of its own, below `parent` or the span around it."""
        with self._tracer.start_as_current_span(
            name,
            context=None if parent is None else self._propagator.extract({"traceparent": parent}),
            kind=self._kinds[kind],
            attributes=attributes,
            record_exception=False,  # its text may hold anything
            set_status_on_exception=False,
        ) as span:
            yield span

    def stage(self, name: str, attributes: Mapping[str, str | int], *, began: int, ended: int) -> None:
        """A span that is over, in nanoseconds of the clock."""
        self._tracer.start_span(name, attributes=attributes, start_time=began).end(ended)

    def failed(self, why: str) -> None:
        self._current().set_status(self._error, why)

    def traceparent(self) -> str | None:
        """The `traceparent` header that names the span which is open now; None: there is none."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get("traceparent")

    def carried(self, request_id: str) -> str:
        """The id of a request with its trace behind it, if that is recorded."""
        here = self.traceparent() if self._current().is_recording() else None
        return request_id if here is None else f"{request_id}{SEPARATOR}{here}"

    async def close(self) -> None:
        """Sends what is left. A collector that does not answer holds up nothing for long."""
        sending = threading.Thread(target=self._provider.shutdown, daemon=True)
        sending.start()
        give_up_at = time.monotonic() + EXPORT_SECONDS
        while sending.is_alive() and time.monotonic() < give_up_at:
            await asyncio.sleep(0.02)


def request_and_trace(carried: str) -> tuple[str, str | None]:
    """The id of a request, and where its trace was; None: it was not recorded."""
    request_id, _, trace = carried.partition(SEPARATOR)
    return request_id, trace or None


def open_tracing(settings: Settings, service: str) -> Tracing | None:
    """None: tracing is off."""
    if settings.tracing_endpoint is None:
        return None
    return Tracing(service, sample=settings.tracing_sample, processor=exporting_to(settings.tracing_endpoint))


def exporting_to(endpoint: str) -> "SpanProcessor":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS))
