"""The values of orders. All frozen: an order changes in the database, through `OrderStore`, and nowhere else."""

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.orders.conditions import Lifetime, Waiting
from app.orders.lifecycle import TERMINAL, Status

PRICES = frozenset({"price", "executedPrice"})
"""Details that are stored as decimal text and sent as JSON numbers with the same digits. A float would round them."""


def new_order_id() -> UUID:
    """UUID version 7: orders that are close in time are close in every index."""
    milliseconds, random = time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    return UUID(int=value & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0b10 << 62)


def retry_key(failed: UUID) -> str:
    """The idempotency key of its retry. No client can send it: its keys are ASCII."""
    return f"↻{failed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """An order as the client requested it: validated, amounts in base units."""

    id: UUID  # minted before the insert, so that repeating the insert makes no second order
    owner: str
    type: str  # an `OrderType`
    token_in: str  # symbol
    token_out: str  # symbol
    amount_in: int  # base units of token_in
    slippage_bps: int  # how far below the quote the fill may be
    min_amount_out: int | None = None  # base units of token_out; the higher of it and the slippage bound holds
    max_price_impact_bps: int | None = None  # None: no limit
    venues: tuple[str, ...] | None = None  # None: all
    expires_in_seconds: int = 0  # 0: never, or as `lifetime` says
    lifetime: Lifetime | None = None  # None: it said nothing
    waiting: Waiting | None = None  # None: it is due at once
    client_order_id: str | None = None  # the client's own label, without effect
    retry_of: UUID | None = None  # the dead letter that this order retries
    usd_value: int | None = None  # of amount_in now, in millionths of a dollar; None: no price
    max_order_usd: int | None = None  # the limits of the caller's own key, in dollars; None: those of all callers
    max_daily_usd: int | None = None
    idempotency_key: str | None = None  # one key makes one order, per owner
    tag: str | None = None  # of owner and key: see `memo.py`
    chain: str | None = None  # genesis hash; None: the simulated chain
    fingerprint: bytes  # of what the client said: the same key with another fingerprint is refused
    request_id: str  # of the HTTP request, for the logs

    def matches(self, fingerprint: bytes) -> bool:
        """Whether an order with this fingerprint was requested in the same words.

        Rows of the first version have a fingerprint with the defaults filled in.
        """
        return fingerprint in (self.fingerprint, fingerprint_of({name: getattr(self, name) for name in _FIRST_VERSION}))


_FIRST_VERSION = (
    *("type", "token_in", "token_out", "amount_in", "slippage_bps", "min_amount_out"),
    *("max_price_impact_bps", "venues", "expires_in_seconds", "client_order_id"),
)


def fingerprint_of(fields: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One row of `orders`."""

    id: UUID
    owner: str
    type: str
    token_in: str
    token_out: str
    amount_in: int  # base units, as all amounts
    slippage_bps: int
    min_amount_out: int | None
    max_price_impact_bps: int | None
    venues: tuple[str, ...] | None
    expires_at: datetime | None  # not started by then: it has expired
    client_order_id: str | None
    idempotency_key: str | None
    retry_of: UUID | None
    usd_value: int | None  # of amount_in when it was accepted, in millionths of a dollar
    max_order_usd: int | None  # the limit of the key that placed it, in dollars; None: that of all callers
    request_id: str
    limit_price: Decimal | None  # as the client said it
    limit_out: int | None  # the least the fill may bring, whatever happens; None: a market order
    condition: Mapping[str, Any] | None  # what it waits for; None: nothing
    extreme: Decimal | None  # the highest price that a trailing stop has seen
    time_in_force: str | None
    parent_id: UUID | None  # the order that this one is a slice of
    slice: int | None
    group_id: UUID | None
    chain: str | None  # the genesis hash of the chain it is for; None: the simulated one
    tag: str | None  # for the memo, if its own key does not make it: see `memo.py`
    cancel_requested: bool  # it is cancelled as soon as its swap is proven dead
    rearms: int  # how often it went back to open
    status: Status
    seq: int  # number of its last event
    attempt: int  # attempts begun
    error: str | None  # of the last attempt, as a sentence
    code: str | None  # of the last attempt, for programs
    floor_out: int | None  # the least the fill may bring. Market orders: fixed when first signed, never lowered
    swap: Mapping[str, Any] | None  # the signed swap: sent again as it is, never signed twice
    tx_hash: str | None  # its signature
    dex: str | None  # the venue it was routed to
    executed_price: Decimal | None  # token_out for one token_in
    amount_out: int | None  # what the fill brought
    fence: int  # raised by each new owner; a write with an older one is refused
    created_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None  # when an operator acknowledged this dead letter

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """One event of an order's log: the same flat object in the database, on every stream and in every answer."""

    order_id: UUID
    seq: int  # 1, 2, 3 … within the order
    status: Status  # the status that the order has reached
    attempt: int
    at: datetime  # the database's clock
    details: Mapping[str, Any] = field(default_factory=dict)  # the other fields, which depend on the status

    @staticmethod
    def of(order: "Order", details: Mapping[str, Any]) -> "OrderEvent":
        """The newest one of an order that was just changed."""
        return OrderEvent(
            order_id=order.id,
            seq=order.seq,
            status=order.status,
            attempt=order.attempt,
            at=order.updated_at,
            details=details,
        )

    def as_dict(self) -> dict[str, Any]:
        event = {
            "orderId": str(self.order_id),
            "seq": self.seq,
            "status": self.status,
            "attempt": self.attempt,
            "at": self.at,
            **self.details,
        }
        for name in PRICES & event.keys():
            event[name] = orjson.Fragment(event[name])
        return event

    def as_json(self) -> bytes:
        return orjson.dumps(self.as_dict(), option=orjson.OPT_UTC_Z)

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


class LeaseLost(Exception):
    """Another worker owns the order now, or may soon. Stop without a word: the new owner publishes its events."""


class TradingHalted(Exception):
    """The kill switch refuses to start or to send this order."""


class TradingStopped(Exception):
    """The kill switch refuses new orders."""


class TooManyOpen(Exception):
    """The owner has as many orders that wait as one owner may have."""


class KeyReused(Exception):
    """The idempotency key was used for another order before."""


class OrderForgotten(Exception):
    """The idempotency key is that of an order that was filled, and that the database has forgotten."""

    def __init__(self, signature: str) -> None:
        super().__init__(f"the order was filled by {signature}")
        self.signature = signature


class NotReconciled(Exception):
    """The chain is being asked about every order. Until then one that seems to wait may be filled."""


class IllegalCancel(Exception):
    """The order can no longer be cancelled."""

    def __init__(self, order: Order) -> None:
        super().__init__(f"an order that is {order.status} cannot be cancelled")
        self.order = order


@dataclass(frozen=True, slots=True)
class Placed:
    """The result of placing an order."""

    order: UUID
    status: Status
    created_at: datetime
    idempotent: bool = False  # an earlier request with this key made the order
    condition: Mapping[str, Any] | None = None  # of an order made earlier: what it waits for, or waited for
    event: OrderEvent | None = field(default=None, compare=False)  # its first event; None if idempotent
