"""What a worker asks the database for: a step of an order that it owns. `OrderStore` writes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.orders.conditions import Trigger
from app.orders.lifecycle import REARMED, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step of an order that this process owns: from `before`, making event number `seq`.

    `before == after` makes no event: the worker gives up the order, which waits without an owner.
    """

    order: UUID
    fence: int  # this worker's; another one in the database means that the lease is lost
    seq: int  # of the event that the move makes
    before: Status
    after: Status
    ready_in: float | None = None  # seconds until a worker may take it; None: this worker keeps it, or it has ended
    details: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    code: str | None = None
    floor_out: int | None = None
    swap: Mapping[str, Any] | None = None
    tx_hash: str | None = None
    dex: str | None = None
    executed_price: Decimal | None = None
    amount_out: int | None = None
    # The details of `building`, if this is the move from `routing` to `submitted`: it logs that event before its own.
    building: Mapping[str, Any] | None = None

    @property
    def seq_before(self) -> int:
        return self.seq - (self.after is not self.before) - (self.building is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rearm:
    """A step back to `open`: the order waits for its condition again, and begins anew once that is met."""

    order: UUID
    fence: int
    seq: int
    before: Status
    error: str
    code: str  # why the attempt failed
    trigger: Trigger
    wait_seconds: float  # it does not fire before

    @property
    def seq_before(self) -> int:
        return self.seq - 1

    @property
    def details(self) -> Mapping[str, Any]:
        """Of its event."""
        return {"code": REARMED, "why": self.code, "error": self.error, "retryInMs": int(self.wait_seconds * 1000)}


@dataclass(frozen=True, slots=True)
class Renewal:
    """The lease of one order, to be extended."""

    order: UUID
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRefused:
    """The order cannot be claimed now."""

    seconds: float | None  # try again then; below zero: at once, in its old place; None: it has ended, or is halted
    status: Status | None = None  # None: there is no such order
    too_late: bool = False  # it could have been started if its start had been granted more recently
    halted_owner: str | None = None  # the kill switch halts this owner: queue the order once it no longer does

    @property
    def warning(self) -> str | None:
        if self.too_late:
            return "a start was granted too long ago, the order is queued again"
        if self.status is None:
            return (
                "the queue has an order that the database has not: another engine uses this Redis, or it was restored"
            )
        return None
