"""What becomes of orders, counted as it is told: a few microseconds a step."""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from app import metrics
from app.dex.chain import Blockhash, Chain, Outcome, SignedSwap, Snapshot
from app.dex.errors import NEVER, RETRY, DexError
from app.dex.quotes import BuiltSwap
from app.dex.router import Considered
from app.orders.lifecycle import EXPIRED, WORKER_LOST, Status
from app.orders.model import Order, OrderEvent
from app.settings import Settings

log = logging.getLogger("engine.worker")

SENT = (Status.BUILDING, Status.SUBMITTED)  # from here on an attempt has one venue

# Prometheus sees a counter rise only from a value it has seen before: those that alarm somebody begin at 0.
for _code in (*RETRY, *NEVER, WORKER_LOST, "internal_error", "tx_failed", "unknown"):
    metrics.FAILED.labels(_code)
    metrics.RETRIES.labels(_code)
for _code in ("rpc_timeout", "outcome_unknown"):
    metrics.CHAIN.labels(_code)
for _found in (WORKER_LOST, EXPIRED, "not queued"):
    metrics.SWEPT.labels(_found)


def started(order: Order) -> None:
    """The claim was the move to routing."""
    if order.attempt == 1:
        metrics.TO_START.observe((order.updated_at - order.created_at).total_seconds())


def moved(before: Status, since: datetime, dex: str | None, event: OrderEvent, began: datetime | None) -> None:
    """`since`: when it came to be what it was before; `began`: when this worker started the attempt, if it did."""
    metrics.STEP.labels(before).observe((event.at - since).total_seconds())
    if event.status is Status.PENDING:
        metrics.RETRIES.labels(event.details.get("code", "unknown")).inc()
    venue = event.details.get("dex") or (before in SENT and dex) or "none"
    if before is Status.SUBMITTED and event.status is not Status.SUBMITTED:
        landed = event.status is Status.CONFIRMED
        metrics.SENDS.labels(venue, "landed" if landed else event.details.get("code", "unknown")).inc()
    if not event.is_terminal:
        return
    metrics.ENDED.labels(event.status, venue).inc()
    if began is not None:
        metrics.TO_END.labels(event.status).observe((event.at - began).total_seconds())
    if event.status is Status.FAILED:
        metrics.FAILED.labels(event.details.get("code", "unknown")).inc()


def quoted(considered: Iterable[Considered]) -> None:
    """What each venue answered an order that was to be routed."""
    for answer in considered:
        metrics.QUOTES.labels(answer.venue, "won" if answer.won else answer.code or "lost").inc()


class MeasuredChain:
    """A chain whose silence is counted."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.poll_seconds = chain.poll_seconds

    async def blockhash(self) -> Blockhash:
        with _unanswered():
            return await self._chain.blockhash()

    async def sign(self, swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
        with _unanswered():
            return await self._chain.sign(swap, memo=memo, attempt=attempt, blockhash=blockhash)

    async def send(self, signed: SignedSwap) -> Snapshot | None:
        with _unanswered():
            return await self._chain.send(signed)

    async def ended(self, signatures: Sequence[str]) -> tuple[int, Mapping[str, Outcome]]:
        with _unanswered():
            return await self._chain.ended(signatures)

    async def ask(self, signature: str) -> Snapshot:
        with _unanswered():
            return await self._chain.ask(signature)


@contextlib.contextmanager
def _unanswered() -> Iterator[None]:
    try:
        yield
    except DexError as error:
        metrics.CHAIN.labels(error.code).inc()
        raise


def swept(events: Iterable[tuple[str, str, OrderEvent]]) -> None:
    for _, _, event in events:
        code = event.details.get("code", "unknown")
        metrics.SWEPT.labels(code).inc()
        if event.is_terminal:
            metrics.ENDED.labels(event.status, "none").inc()
            metrics.FAILED.labels(code).inc()


def expose(settings: Settings) -> WSGIServer | None:
    """Serves this worker's numbers. A port that is taken costs the numbers, never the worker."""
    if not settings.worker_metrics_port:
        return None
    host, port = settings.worker_metrics_host, settings.worker_metrics_port
    try:
        # In a daemon's thread: it ends with the worker.
        server, _ = start_http_server(port, addr=host, registry=metrics.REGISTRY)
    except OSError as error:
        log.warning("no metrics of this worker", extra={"port": port, "error": error.strerror})
        return None
    log.info("metrics", extra={"host": host, "port": port})
    return server
