"""One order, from its claim to its end. The book is told before anything is done that cannot be undone."""

import asyncio
import logging
import time
from decimal import Decimal
from uuid import UUID

from app.dex import amounts
from app.dex.chain import Chain, Outcome, SignedSwap, Snapshot, verdict
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.dex.quotes import QuoteRequest
from app.dex.router import NoRoute, Router
from app.orders.lifecycle import Status
from app.orders.model import ClaimRefused, LeaseLost, Order
from app.orders.queue.order_queue import JobResult
from app.orders.store.writes import OrderStore
from app.postgres import DatabaseUnavailable
from worker import order_metrics
from worker.confirmation import Confirmations
from worker.lease import DATABASE_RETRY_SECONDS, Lease, Leases
from worker.retry import RetryPolicy

log = logging.getLogger("engine.execution")

SEND_AGAIN = 0.1  # seconds until a send that was not answered is made again
LOOK_AGAIN = 1.0  # seconds until a swap that is still on its way is asked for again


class Execution:
    def __init__(
        self,
        *,
        store: OrderStore,
        leases: Leases,
        markets: Markets,
        router: Router,
        chain: Chain,
        retry: RetryPolicy,
        confirm_seconds: float,
    ) -> None:
        self._store = store
        self._leases = leases
        self._markets = markets
        self._router = router
        self._chain = chain
        self._landings = Confirmations(chain)
        self._retry = retry
        self._confirm_seconds = confirm_seconds  # how long a slot is held for a swap that is on its way

    async def run(self, order: str, *, may_start: bool) -> JobResult:
        """Take the order as far as it goes now; the answer says what the line should do with it."""
        claimed, started = await self._claim(UUID(order), may_start)
        if isinstance(claimed, ClaimRefused):
            submitted = claimed.status is Status.SUBMITTED
            return JobResult(requeue_in=claimed.seconds, submitted=submitted, start_used=started)
        with self._leases.hold(claimed) as lease:
            try:
                if claimed.status is Status.SUBMITTED:
                    # Somebody has waited for this swap before: ask once, and let others have the slot.
                    return await self._settle(lease, SignedSwap.from_json(claimed.swap or {}), patience=0)
                lease.started()
                return await self._attempt(lease)
            except LeaseLost:
                log.info("somebody else has the order now", extra=lease.labels())
                return JobResult(requeue_in=LOOK_AGAIN / 2, submitted=lease.status is Status.SUBMITTED)
            except asyncio.CancelledError:
                # The last thing this job does: it ends here, and says where in the line the order goes on.
                await lease.release()
                return JobResult(requeue_in=0, submitted=lease.status is Status.SUBMITTED)
            except Exception:
                # Nothing may be concluded: the lease runs out, and the next owner looks again.
                log.exception("executing an order failed unexpectedly", extra=lease.labels())
                return JobResult(requeue_in=LOOK_AGAIN, submitted=lease.status is Status.SUBMITTED)

    async def _claim(self, order_id: UUID, may_start: bool) -> tuple[Order | ClaimRefused, bool]:
        """The order, or why not; and whether a start was made of the grant.

        A claim whose answer was lost may have been made. It is asked for again under the same grant until the book
        answers; if the order is then in hand, it is ours that nobody told us of, and the grant is spent.
        """
        doubtful = False
        while True:
            try:
                claimed = await self._store.claim(order_id, may_start=may_start)
            except DatabaseUnavailable:
                doubtful = True
                await asyncio.sleep(DATABASE_RETRY_SECONDS)
                continue
            if isinstance(claimed, ClaimRefused):
                return claimed, doubtful and claimed.status in (Status.ROUTING, Status.BUILDING)
            return claimed, True

    async def _attempt(self, lease: Lease) -> JobResult:
        try:
            signed = await self._build(lease)
        except DexError as error:
            return await self._attempt_ended(lease, error.code, error.detail)
        except (LeaseLost, DatabaseUnavailable):
            raise
        except Exception:
            log.exception("an attempt failed unexpectedly", extra=lease.labels())
            return await self._attempt_ended(lease, "internal_error", "the engine made a mistake")
        await lease.move(
            Status.SUBMITTED,
            details={"txHash": signed.signature},
            tx_hash=signed.signature,
            swap=signed.to_json(),
        )
        return await self._settle(lease, signed, patience=self._confirm_seconds)

    async def _build(self, lease: Lease) -> SignedSwap:
        order = lease.order
        blockhash = await self._chain.blockhash()
        request = self._request(order)
        try:
            route = await self._router.route(
                request, blockhash.slot, only=order.venues, max_price_impact_bps=order.max_price_impact_bps
            )
        except NoRoute as error:
            order_metrics.quoted(error.considered)
            raise
        order_metrics.quoted(route.considered)
        best, floor = route.best, floor_of(order, route.best.amount_out)
        if best.amount_out < floor:
            raise DexError("slippage_exceeded", "the best quote is below the least amount that was agreed to")
        details = {**route.to_json(), "minAmountOut": amounts.to_decimal(floor, request.token_out.decimals)}
        await lease.move(Status.BUILDING, details=details, floor_out=floor, dex=best.venue)
        built = await self._router.build(best, min_amount_out=floor)
        return await self._chain.sign(built, memo=str(order.id), attempt=order.attempt, blockhash=blockhash)

    async def _settle(self, lease: Lease, signed: SignedSwap, *, patience: float) -> JobResult:
        """Send the swap that is on record, again if it was sent before, and wait for the truth about it."""
        give_up = time.monotonic() + patience
        known = await self._sent(lease, signed, give_up)
        if patience and not _proven(known, signed):
            known = await self._landings.of(signed, within=give_up - time.monotonic())
        try:
            if known is None or not _proven(known, signed):  # also if it has expired: only this answer proves that
                known = await self._chain.ask(signed.signature)
        except DexError as error:
            log.warning("the chain did not answer", extra=lease.labels(code=error.code))
        else:
            match verdict(known, signed.last_valid_height):
                case "landed":
                    return await self._confirmed(lease, signed, known)
                case "failed":
                    code = known.outcome.code if known.outcome else None
                    return await self._attempt_ended(lease, code or "tx_failed", "the chain refused the swap")
                case "expired":
                    return await self._attempt_ended(lease, "tx_dropped", "the swap never landed, and no longer can")
        # The truth will come; somebody else may use the slot meanwhile.
        await lease.move(Status.SUBMITTED, ready_in=LOOK_AGAIN)
        return JobResult(requeue_in=LOOK_AGAIN, submitted=True)

    async def _sent(self, lease: Lease, signed: SignedSwap, give_up: float) -> Snapshot | None:
        """What is known of it by then. A send that was not answered is made again: it lands once at most."""
        while True:
            try:
                return await self._chain.send(signed)
            except DexError as error:
                log.warning("the chain did not answer", extra=lease.labels(code=error.code))
            if time.monotonic() + SEND_AGAIN > give_up:
                return None
            await asyncio.sleep(SEND_AGAIN)

    async def _confirmed(self, lease: Lease, signed: SignedSwap, snapshot: Snapshot) -> JobResult:
        order, outcome = lease.order, snapshot.outcome
        amount_out = _filled(outcome)
        request = self._request(order)
        price = amounts.price(order.amount_in, request.token_in.decimals, amount_out, request.token_out.decimals)
        await lease.move(
            Status.CONFIRMED,
            details={
                "txHash": signed.signature,
                "dex": signed.venue,
                "executedPrice": price,
                "amountOut": amounts.to_decimal(amount_out, request.token_out.decimals),
            },
            tx_hash=signed.signature,
            dex=signed.venue,
            executed_price=Decimal(price),
            amount_out=amount_out,
        )
        return JobResult()

    async def _attempt_ended(self, lease: Lease, code: str, error: str) -> JobResult:
        """Carry out what the retry policy decides: another attempt after a wait, or the end."""
        wait = self._retry.decide(lease.order.attempt, code).wait_seconds
        if wait is None:
            await lease.move(Status.FAILED, error=error, code=code, details={"error": error, "code": code})
            return JobResult()
        await lease.move(
            Status.PENDING,
            ready_in=wait,
            error=error,
            code=code,
            details={"error": error, "code": code, "retryInMs": int(wait * 1000)},
        )
        return JobResult(requeue_in=wait)

    def _request(self, order: Order) -> QuoteRequest:
        return QuoteRequest(self._markets.token(order.token_in), self._markets.token(order.token_out), order.amount_in)


def floor_of(order: Order, quoted: int) -> int:
    """The least amount the order accepts. Fixed when the order is first built, and never loosened afterwards."""
    if order.floor_out is not None:
        return order.floor_out
    return max(amounts.minimum_out(quoted, order.slippage_bps), order.min_amount_out or 0)


def _proven(snapshot: Snapshot | None, signed: SignedSwap) -> bool:
    """Whether the swap is known to have landed or failed."""
    return snapshot is not None and verdict(snapshot, signed.last_valid_height) in ("landed", "failed")


def _filled(outcome: Outcome | None) -> int:
    if outcome is None or outcome.amount_out is None:
        raise ValueError("the chain says landed, but not with what amount")
    return outcome.amount_out
