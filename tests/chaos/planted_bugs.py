"""Five bugs that engines of this kind have had, planted into ours to see whether the oracle notices."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any


def no_fence() -> None:
    """Whoever comes last writes: by id, without looking at who owns the order or where it stands."""
    from app.orders.store import statements

    guard = "o.fence = s.fence AND o.status = s.before AND o.seq = s.seq - (s.after <> s.before)::int"
    text = " ".join(statements.MOVE.split())
    assert text.count(guard) == 2
    text = text.replace(guard, "true").replace("seq = s.seq,", "seq = o.seq + (s.after <> s.before)::int,")
    statements.MOVE = text


def publish_before_commit() -> None:
    """The event is announced, then written."""
    from app.orders.lifecycle import Status
    from app.orders.model import OrderEvent
    from worker.lease import Lease

    written = Lease.move

    async def move(hold: Lease, after: Status, *, details: Mapping[str, Any] | None = None, **columns: Any) -> None:
        order = hold.order
        if after is not order.status:
            early = OrderEvent(
                order_id=order.id,
                seq=order.seq + 1,
                status=after,
                attempt=order.attempt,
                at=datetime.now(UTC),
                details=details or {},
            )
            hold.publish(early)
            await asyncio.sleep(0.05)
        await written(hold, after, details=details, **columns)

    setattr(Lease, "move", move)


def no_sweeper() -> None:
    """Nobody looks for orders that nobody runs."""
    from app.orders.store.sweep import SweepResult, SweepStore

    async def nothing(_: SweepStore, __: int) -> SweepResult:
        return SweepResult(examined=0, to_queue=[], events=[])

    async def no_page(_: SweepStore, below: Any, __: int) -> Any:
        return [], below

    setattr(SweepStore, "sweep", nothing)
    setattr(SweepStore, "all_queued", no_page)


def sign_again_on_resend() -> None:
    """A swap that may have been sent is signed anew instead of sent again."""
    from app.dex.chain import SignedSwap

    recorded = SignedSwap.from_json

    def signed_anew(data: Mapping[str, Any]) -> SignedSwap:
        signed = recorded(data)
        return replace(signed, signature=signed.signature[::-1])  # for the chain this is another transaction

    setattr(SignedSwap, "from_json", staticmethod(signed_anew))


def failed_published_early() -> None:
    """Every attempt that fails is announced as the end, and taken back."""
    from app.orders.lifecycle import Status
    from app.orders.model import OrderEvent
    from app.orders.queue.order_queue import JobResult
    from worker.execution import Execution
    from worker.lease import Lease

    ended = Execution._attempt_ended

    async def said_early(execution: Execution, hold: Lease, code: str, error: str) -> JobResult:
        order = hold.order
        early = OrderEvent(
            order_id=order.id,
            seq=order.seq + 1,
            status=Status.FAILED,
            attempt=order.attempt,
            at=datetime.now(UTC),
            details={"error": error, "code": code},
        )
        hold.publish(early)
        return await ended(execution, hold, code, error)

    setattr(Execution, "_attempt_ended", said_early)


BUGS: dict[str, Callable[[], None]] = {
    "no fence": no_fence,
    "publish before commit": publish_before_commit,
    "no sweeper": no_sweeper,
    "sign again on resend": sign_again_on_resend,
    "failed published early": failed_published_early,
}
