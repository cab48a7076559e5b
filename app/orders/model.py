"""The values of this domain. All frozen: only the book changes an order, and it does so in the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.orders.lifecycle import TERMINAL, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """An order as it was asked for: checked, amounts in base units, its id already minted."""

    id: UUID
    owner: str
    type: str
    token_in: str
    token_out: str
    amount_in: int
    slippage_bps: int
    min_amount_out: int | None = None
    max_price_impact_bps: int | None = None
    venues: tuple[str, ...] | None = None
    expires_in_seconds: int = 0  # 0: never
    client_order_id: str | None = None
    retry_of: UUID | None = None
    idempotency_key: str | None = None
    fingerprint: bytes
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One row of the book."""

    id: UUID
    owner: str
    type: str
    token_in: str
    token_out: str
    amount_in: int
    slippage_bps: int
    min_amount_out: int | None
    max_price_impact_bps: int | None
    venues: tuple[str, ...] | None
    expires_at: datetime | None
    client_order_id: str | None
    retry_of: UUID | None
    request_id: str
    status: Status
    seq: int
    attempt: int
    error: str | None
    code: str | None
    floor_out: int | None
    swap: Mapping[str, Any] | None
    tx_hash: str | None
    dex: str | None
    executed_price: Decimal | None
    amount_out: int | None
    fence: int
    created_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """One line of an order's log: the same flat object in the book, on every stream and in every answer."""

    order_id: UUID
    seq: int
    status: Status
    attempt: int
    at: datetime
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "orderId": str(self.order_id),
            "seq": self.seq,
            "status": self.status,
            "attempt": self.attempt,
            "at": self.at,
            **self.details,
        }

    def as_json(self) -> bytes:
        return orjson.dumps(self.as_dict(), option=orjson.OPT_UTC_Z)

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step of an order that this process owns: from `before`, making event number `seq`.

    `before == after` makes no event: the slot is given back and the order waits, owned by nobody.
    """

    order: UUID
    fence: int
    seq: int
    before: Status
    after: Status
    ready_in: float | None = None  # seconds until it may run again; None: this process keeps it, or it has ended
    details: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    code: str | None = None
    floor_out: int | None = None
    swap: Mapping[str, Any] | None = None
    tx_hash: str | None = None
    dex: str | None = None
    executed_price: Decimal | None = None
    amount_out: int | None = None


@dataclass(frozen=True, slots=True)
class Renewal:
    """The owner of this fence still works on the order."""

    order: UUID
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRefused:
    """A claim that got nothing: look again after `seconds`, or never, because the order has ended."""

    seconds: float | None
    status: Status | None = None  # None: there is no such order


class LeaseLost(Exception):
    """Somebody else owns the order now. Stop, silently: the new owner tells the story."""


class KeyReused(Exception):
    """The idempotency key was used for another order before."""


class IllegalCancel(Exception):
    """The order can no longer be cancelled."""

    def __init__(self, order: Order) -> None:
        super().__init__(f"an order that is {order.status} cannot be cancelled")
        self.order = order


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of placing an order."""

    order: UUID
    status: Status
    created_at: datetime
    idempotent: bool = False  # this key had made the order before
    pending: OrderEvent | None = field(default=None, compare=False)
