"""Six bugs that engines of this kind have had, planted to see whether the oracle notices them."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any


def no_fence() -> None:
    """The last writer wins: writes go by id, without a check of the owner and the status."""
    from app.orders.store import statements

    condition = "o.fence = s.fence AND o.status = s.before AND o.seq = s.seq_before"
    text = " ".join(statements.MOVE.split())
    assert text.count(condition) == 2
    text = text.replace(condition, "true").replace("seq = s.seq,", "seq = o.seq + s.seq - s.seq_before,")
    statements.MOVE = text


def publish_before_commit() -> None:
    """Events are published before they are committed."""
    from app.orders.lifecycle import Status
    from app.orders.model import OrderEvent
    from worker.lease import Lease

    written = Lease.move

    async def move(lease: Lease, after: Status, *, details: Mapping[str, Any] | None = None, **columns: Any) -> None:
        order = lease.order
        if after is not order.status:
            early = OrderEvent(
                order_id=order.id,
                seq=order.seq + 1,
                status=after,
                attempt=order.attempt,
                at=datetime.now(UTC),
                details=details or {},
            )
            lease.publish(early)
            await asyncio.sleep(0.05)
        await written(lease, after, details=details, **columns)

    setattr(Lease, "move", move)


def no_sweeper() -> None:
    """Abandoned orders are never found."""
    from app.orders.store.sweep import SweepResult, SweepStore

    async def nothing(_: SweepStore, __: int) -> SweepResult:
        return SweepResult(examined=0, to_queue=[], events=[])

    async def no_page(_: SweepStore, below: Any, __: int) -> Any:
        return [], below

    setattr(SweepStore, "sweep", nothing)
    setattr(SweepStore, "all_queued", no_page)


def sign_again_on_resend() -> None:
    """A swap that may have been sent is signed again instead of sent again."""
    from app.dex.chain import SignedSwap

    recorded = SignedSwap.from_json

    def signed_again(data: Mapping[str, Any]) -> SignedSwap:
        signed = recorded(data)
        return replace(signed, signature=signed.signature[::-1])  # for the chain this is another transaction

    setattr(SignedSwap, "from_json", staticmethod(signed_again))


def failed_published_early() -> None:
    """Each failed attempt is published as the end of the order, and retried."""
    from app.orders.lifecycle import Status
    from app.orders.model import OrderEvent
    from app.orders.queue.order_queue import JobResult
    from worker.execution import Execution
    from worker.lease import Lease

    ended = Execution.end_attempt

    async def published_early(execution: Execution, lease: Lease, code: str, error: str) -> JobResult:
        order = lease.order
        early = OrderEvent(
            order_id=order.id,
            seq=order.seq + 1,
            status=Status.FAILED,
            attempt=order.attempt,
            at=datetime.now(UTC),
            details={"error": error, "code": code},
        )
        lease.publish(early)
        return await ended(execution, lease, code, error)

    setattr(Execution, "end_attempt", published_early)


def no_reconciling() -> None:
    """The engine trusts its database, whatever was done to it."""
    from app.orders.reconciling import state
    from worker import reconciler

    async def believe(compared: reconciler.Reconciler) -> None:
        compared.compared = True

    setattr(reconciler.Reconciler, "compare", believe)
    setattr(state, "COMPARE", "SELECT '' AS identity, '' AS before, 1 AS orders_oid, 1 AS oid_before")


BUGS: dict[str, Callable[[], None]] = {
    "no fence": no_fence,
    "publish before commit": publish_before_commit,
    "no sweeper": no_sweeper,
    "sign again on resend": sign_again_on_resend,
    "failed published early": failed_published_early,
    "no reconciling": no_reconciling,
}
