"""Counts and times the steps of orders: a few microseconds per step."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from app import metrics
from app.dex.chain import Blockhash, Chain, FoundSwap, Known, Outcome, SignedSwap, Snapshot
from app.dex.errors import NEVER, RETRY, DexError
from app.dex.quotes import BuiltSwap
from app.dex.router import VenueAnswer
from app.orders.lifecycle import EXPIRED, NO_ATTEMPT, WORKER_LOST, Status
from app.orders.model import Order, OrderEvent

HAS_VENUE = (Status.BUILDING, Status.SUBMITTED)  # the venue of the attempt is chosen

# Prometheus sees an increase only from a value it has seen before, so counters that alerts use start at 0.
for _code in (*RETRY, *NEVER, *NO_ATTEMPT, "internal_error", "tx_failed", "unknown"):
    metrics.FAILED.labels(_code)
    metrics.RETRIES.labels(_code)
for _code in ("rpc_timeout", "outcome_unknown"):
    metrics.CHAIN.labels(_code)
for _cause in (WORKER_LOST, EXPIRED, "not queued"):
    metrics.SWEPT.labels(_cause)


def started(order: Order) -> None:
    """The claim moved the order to routing."""
    if order.attempt == 1:
        metrics.TO_START.observe((order.updated_at - order.created_at).total_seconds())


def moved(before: Status, since: datetime, dex: str | None, event: OrderEvent, began: datetime | None) -> None:
    """`since`: when the order reached `before`. `began`: when this worker began the attempt; None: another one did."""
    metrics.STEP.labels(before).observe((event.at - since).total_seconds())
    if event.status is Status.PENDING:
        metrics.RETRIES.labels(event.details.get("code", "unknown")).inc()
    venue = event.details.get("dex") or (before in HAS_VENUE and dex) or "none"
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


def quoted(answers: Iterable[VenueAnswer]) -> None:
    """Count each venue's answer to one quote request."""
    for answer in answers:
        metrics.QUOTES.labels(answer.venue, "won" if answer.won else answer.code or "lost").inc()


class MeasuredChain:
    """A chain whose errors are counted."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self.poll_seconds = chain.poll_seconds

    async def blockhash(self) -> Blockhash:
        with _count_errors():
            return await self._chain.blockhash()

    async def sign(self, swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
        with _count_errors():
            return await self._chain.sign(swap, memo=memo, attempt=attempt, blockhash=blockhash)

    async def send(self, signed: SignedSwap, *, not_after: float) -> Snapshot | None:
        with _count_errors():
            return await self._chain.send(signed, not_after=not_after)

    async def ended(self, signatures: Sequence[str]) -> tuple[int, Mapping[str, Outcome]]:
        with _count_errors():
            return await self._chain.ended(signatures)

    async def ask(self, signature: str) -> Snapshot:
        with _count_errors():
            return await self._chain.ask(signature)

    async def find(self, about: Sequence[str], *, since: float = 0.0) -> tuple[int, Sequence[FoundSwap]]:
        with _count_errors():
            return await self._chain.find(about, since=since)

    async def newest(
        self, limit: int, *, before: str | None = None, after: str | None = None, known: Known | None = None
    ) -> Sequence[FoundSwap]:
        with _count_errors():
            return await self._chain.newest(limit, before=before, after=after, known=known)


@contextlib.contextmanager
def _count_errors() -> Iterator[None]:
    try:
        yield
    except DexError as error:
        if error.code != "dry_run":
            metrics.CHAIN.labels(error.code).inc()
        raise


def swept(events: Iterable[tuple[str, str, OrderEvent]]) -> None:
    for _, _, event in events:
        code = event.details.get("code", "unknown")
        metrics.SWEPT.labels(code).inc()
        if event.is_terminal:
            metrics.ENDED.labels(event.status, "none").inc()
        if event.status is Status.FAILED:
            metrics.FAILED.labels(code).inc()
