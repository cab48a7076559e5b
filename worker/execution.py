"""Executes one order, from its claim to its end or to its next wait.

- Intent before act: the signed swap is committed with `submitted` before it is sent for the first time.
- The same bytes are sent again, by this worker or another one. A new swap is signed only after proof that the last one
  failed on chain or can no longer land.
- Only one snapshot of the chain is proof, of an outcome or of absence above the last valid height. A time-out or an
  unanswered send proves nothing: without proof the order stays `submitted`.
- A slot is held for `confirm_seconds` at most. After that the order waits in the queue, and any worker checks it.
- The floor of a market order is fixed by its first signed swap; that of an order with a condition, when it is placed.
- An order with a condition is not failed because the price was lost, or nobody answered: it waits for it again.
- While the kill switch halts its owner, a swap is neither sent nor sent again. The chain is still asked about it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID

from app.dex import amounts
from app.dex.chain import Chain, Outcome, SignedSwap, Snapshot, verdict
from app.dex.errors import NOTHING_MORE, DexError, More
from app.dex.fill import fill
from app.dex.markets import Markets, Token
from app.dex.quotes import QuoteRequest
from app.dex.router import NoRoute, Router
from app.orders.lifecycle import HALTED, Status
from app.orders.memo import Memos
from app.orders.model import LeaseLost, Order, TradingHalted
from app.orders.queue.order_queue import JobResult
from app.orders.steps import ClaimRefused
from app.orders.store.writes import OrderStore
from app.postgres.errors import DatabaseUnavailable
from worker import conditions, order_metrics
from worker.confirmation import Confirmations
from worker.lease import DATABASE_RETRY_SECONDS, Lease, Leases
from worker.retry import RetryPolicy
from worker.risk import RiskChecks

log = logging.getLogger("engine.execution")

RESEND_SECONDS = 0.1  # after a send that was not answered
AGAIN_SECONDS = 2.0  # after one that was answered, and may be lost all the same
CHECK_SECONDS = 1.0  # between checks of a submitted swap that no slot is held for


class Execution:
    def __init__(
        self,
        *,
        store: OrderStore,
        leases: Leases,
        markets: Markets,
        router: Router,
        chain: Chain,
        memos: Memos,
        retry: RetryPolicy,
        confirm_seconds: float,
        risk: RiskChecks,
        explorer_url: Callable[[str], str | None],
    ) -> None:
        self._store, self._leases = store, leases
        self._markets, self._router = markets, router
        self._chain, self._memos = chain, memos
        self._confirmations = Confirmations(chain)
        self._retry, self._risk = retry, risk
        self._confirm_seconds, self._explorer_url = confirm_seconds, explorer_url

    async def run(self, order: str, *, start_by: float) -> JobResult:
        """Execute the order as far as possible now. The result says what the queue does with it next."""
        claimed, started = await self._claim(UUID(order), start_by)
        if isinstance(claimed, ClaimRefused):
            if warning := claimed.warning:
                log.warning(warning, extra={"order": order})
            submitted = claimed.status is Status.SUBMITTED
            return JobResult(claimed.seconds, submitted, start_used=started, halted_owner=claimed.halted_owner)
        with self._leases.hold(claimed) as lease:
            try:
                if claimed.status is Status.SUBMITTED:
                    # A slot was held for this swap before: check once, and let other orders have it.
                    return await self._follow(lease, SignedSwap.from_json(claimed.swap or {}), seconds=0)
                lease.started()
                await asyncio.sleep(0)  # sends that event: an attempt that asks nobody does not let the loop run soon
                return await self._attempt(lease)
            except LeaseLost as lost:
                log.info(str(lost) or "another worker has the order", extra=lease.labels())
                return JobResult(requeue_in=CHECK_SECONDS / 2, submitted=lease.status is Status.SUBMITTED)
            except asyncio.CancelledError:
                # The worker stops. The job still ends with a result, so that the queue has the order at once.
                await lease.release()
                return JobResult(requeue_in=0, submitted=lease.status is Status.SUBMITTED)
            except Exception:
                # Nothing is known, so nothing is concluded: the lease runs out, and the next worker checks again.
                log.exception("executing an order failed unexpectedly", extra=lease.labels())
                return JobResult(requeue_in=CHECK_SECONDS, submitted=lease.status is Status.SUBMITTED)

    async def _claim(self, order_id: UUID, start_by: float) -> tuple[Order | ClaimRefused, bool]:
        """The order or the refusal, and whether the granted start may have been used.

        A claim whose answer was lost may have been committed, or may still be. It is repeated under the same grant
        until Postgres answers, and the grant is not given back, whatever the answer.
        """
        answer_lost = False
        while True:
            try:
                claimed = await self._store.claim(order_id, start_by=start_by)
            except DatabaseUnavailable:
                answer_lost = True
                await asyncio.sleep(DATABASE_RETRY_SECONDS)
                continue
            return claimed, answer_lost or isinstance(claimed, Order)

    async def _attempt(self, lease: Lease) -> JobResult:
        try:
            signed, floor = await self._build(lease)
        except DexError as error:
            return await self.end_attempt(lease, error.code, error.detail, error.more)
        except (LeaseLost, DatabaseUnavailable):
            raise
        except Exception:
            log.exception("an attempt failed unexpectedly", extra=lease.labels())
            return await self.end_attempt(lease, "internal_error", "the engine made a mistake")
        details = {"txHash": signed.signature}
        try:
            await lease.move(
                Status.SUBMITTED, details=details, tx_hash=signed.signature, swap=signed.to_json(), floor_out=floor
            )
        except TradingHalted:
            result = await self._take_back(lease)
            await self._risk.failed(signed)
            return result
        return await self._follow(lease, signed, seconds=self._confirm_seconds)

    async def _build(self, lease: Lease) -> tuple[SignedSwap, int]:  # and its floor
        order, blockhash = lease.order, await self._chain.blockhash()
        request = _request(order, self._markets.token)
        try:
            route = await self._router.route(
                request, blockhash.slot, only=order.venues, max_price_impact_bps=order.max_price_impact_bps
            )
        except NoRoute as error:
            order_metrics.quoted(error.answers)
            raise
        order_metrics.quoted(route.answers)
        best, floor = route.best, self._risk.floor(order, route.best.amount_out)
        if best.amount_out < floor:
            raise DexError("slippage_exceeded", "the best quote is below the order's minimum amount out")
        details = {**route.to_json(), "minAmountOut": amounts.to_decimal(floor, request.token_out.decimals)}
        await lease.chosen(details, dex=best.venue, at_once=self._router.is_in_process(best.venue))
        built = await self._router.build(best, min_amount_out=floor)
        await self._risk.check(order, blockhash.slot)
        signed = await self._chain.sign(built, memo=self._memos.memo(order), attempt=order.attempt, blockhash=blockhash)
        await self._risk.count(order, signed, await self._risk.value_now(order, best.amount_out, blockhash.slot))
        return signed, floor

    async def _follow(self, lease: Lease, signed: SignedSwap, *, seconds: float) -> JobResult:
        return await self._conclude(lease, signed, await self._observe(lease, signed, seconds=seconds))

    async def _observe(self, lease: Lease, signed: SignedSwap, *, seconds: float) -> Snapshot | None:
        """Send the stored swap and watch it for this long; with 0, send once and look once. None: no answer."""
        deadline = time.monotonic() + seconds
        snapshot = await self._send(lease, signed, deadline)
        while not _has_ended(snapshot, signed) and (left := deadline - time.monotonic()) > 0:
            if (snapshot := await self._confirmations.wait(signed, within=min(left, AGAIN_SECONDS))) is not None:
                break
            if left > AGAIN_SECONDS:
                snapshot = await self._send(lease, signed, time.monotonic())
        if _has_ended(snapshot, signed):
            return snapshot
        try:
            return await self._chain.ask(signed.signature)  # only this answer can prove absence
        except DexError as error:
            log.warning("the chain did not answer", extra=lease.labels(code=error.code))
            return None

    async def _send(self, lease: Lease, signed: SignedSwap, deadline: float) -> Snapshot | None:
        """Send until the chain answers: a swap that is sent twice lands at most once."""
        while True:
            try:
                return await self._chain.send(signed, not_after=await lease.clear_to_send())
            except TradingHalted:
                return None
            except DatabaseUnavailable:
                log.warning("the kill switch cannot be read in time, so the swap is not sent", extra=lease.labels())
            except DexError as error:
                log.warning("the chain did not answer", extra=lease.labels(code=error.code))
            if time.monotonic() + RESEND_SECONDS > deadline:
                return None
            await asyncio.sleep(RESEND_SECONDS)

    async def _conclude(self, lease: Lease, signed: SignedSwap, snapshot: Snapshot | None) -> JobResult:
        """Do what the snapshot proves; without proof, give the slot to another order and check again later."""
        if snapshot is not None:
            outcome = snapshot.outcome
            match verdict(snapshot, signed.last_valid_height):
                case "landed" if outcome is not None and outcome.amount_out is not None:
                    return await self._confirmed(lease, signed, outcome, outcome.amount_out)
                case "failed" if outcome is not None:
                    await self._risk.failed(signed)
                    return await self.end_attempt(lease, outcome.code or "tx_failed", "the chain refused the swap")
                case "unknown" if outcome is not None:
                    # A chain that never says the amount would leave the order here, so it has to be seen.
                    log.warning("the swap landed, the chain does not say its amount yet", extra=lease.labels())
                case "expired" if signed.is_young():
                    log.error("nodes say too early that the swap can no longer land", extra=lease.labels())
                case "expired" if lease.held_back:
                    return await self._take_back(lease)
                case "expired":
                    return await self.end_attempt(lease, "tx_dropped", "the swap never landed, and no longer can")
        await lease.move(Status.SUBMITTED, ready_in=CHECK_SECONDS)
        return JobResult(requeue_in=CHECK_SECONDS, submitted=True)

    async def _confirmed(self, lease: Lease, signed: SignedSwap, outcome: Outcome, amount_out: int) -> JobResult:
        request, url = _request(lease.order, self._markets.known), self._explorer_url(signed.signature)
        filled = fill(request, signed, amount_out, outcome.fee, url)
        price, names = Decimal(filled["executedPrice"]), {"tx_hash": signed.signature, "dex": signed.venue}
        await lease.move(Status.CONFIRMED, details=filled, executed_price=price, amount_out=amount_out, **names)
        return JobResult()

    async def _take_back(self, lease: Lease) -> JobResult:
        """The kill switch came first. The order waits outside the queue until it is lifted."""
        await lease.take_back(HALTED, "trading is halted; the order starts again once that is lifted")
        return JobResult(halted_owner=lease.order.owner)

    async def end_attempt(self, lease: Lease, code: str, error: str, more: More = NOTHING_MORE) -> JobResult:
        """Carry out what the retry policy decides: another attempt after a wait, or the end. Nothing can land now."""
        order, wait = lease.order, self._retry.decide(lease.order.attempt, code).wait_seconds
        if conditions.waits_again(order, code, is_last=wait is None):
            again, seconds = conditions.condition_again(order), conditions.wait_before(order.rearms, code)
            await lease.rearm(code, error, again, seconds)
            return JobResult()
        if wait is None:
            await lease.move(Status.FAILED, error=error, code=code, details={"error": error, "code": code, **more})
            return JobResult()
        details = {"error": error, "code": code, "retryInMs": int(wait * 1000)}
        status = await lease.move(Status.PENDING, ready_in=wait, error=error, code=code, details=details)
        return JobResult(requeue_in=wait) if status is Status.PENDING else JobResult()


def _request(order: Order, token: Callable[[str], Token]) -> QuoteRequest:
    return QuoteRequest(token(order.token_in), token(order.token_out), order.amount_in)


def _has_ended(snapshot: Snapshot | None, signed: SignedSwap) -> bool:
    return snapshot is not None and verdict(snapshot, signed.last_valid_height) in ("landed", "failed")
