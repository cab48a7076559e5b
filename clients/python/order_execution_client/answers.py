"""What the engine answers. A field that this version does not know is in `raw`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from order_execution_client.errors import EngineError
from order_execution_client.orders import camel

FINAL = frozenset({"confirmed", "completed", "failed", "expired", "cancelled"})  # no event follows

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Event:
    """One step of an order. `seq` is 1, 2, 3 … within the order, without a gap."""

    order_id: str
    seq: int
    status: str
    attempt: int
    at: datetime
    dex: str | None = None
    price: Decimal | None = None  # quoted
    executed_price: Decimal | None = None
    amount_out: Decimal | None = None
    min_amount_out: Decimal | None = None
    tx_hash: str | None = None
    network_fee: Decimal | None = None
    explorer_url: str | None = None
    error: str | None = None
    code: str | None = None
    why: str | None = None
    retry_in_ms: int | None = None
    starts_in_ms: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, kw_only=True)
class Placed:
    """The order is on disk, and will be executed."""

    order_id: str
    status: str
    created_at: datetime
    idempotent: bool  # an earlier request with this key placed it
    starts_in_ms: int | None = None
    trigger: Mapping[str, Any] | None = None  # what it waits for, and how far the price is
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class PlacedGroup:
    group_id: str
    type: str
    idempotent: bool
    orders: tuple[Placed, ...]  # of a bracket: entry, take-profit, stop-loss
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Slices:
    total: int
    filled: int
    failed: int
    skipped: int
    next_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Order:
    """The current state of an order."""

    order_id: str
    status: str
    seq: int
    attempt: int
    order_type: str
    token_in: str
    token_out: str
    amount: Decimal | None
    value_usd: Decimal | None
    slippage_bps: int
    min_amount_out: Decimal | None
    max_price_impact_bps: int | None
    venues: tuple[str, ...] | None
    expires_at: datetime | None
    client_order_id: str | None
    retry_of: str | None
    limit_price: Decimal | None
    time_in_force: str | None
    trigger: Mapping[str, Any] | None
    schedule: Mapping[str, Any] | None
    price_band: Mapping[str, Any] | None
    parent_id: str | None
    group_id: str | None
    cancel_requested: bool
    dex: str | None
    tx_hash: str | None
    executed_price: Decimal | None
    amount_out: Decimal | None
    error: str | None
    code: str | None
    created_at: datetime
    updated_at: datetime
    slices: Slices | None = None
    filled_in: Decimal | None = None
    filled_out: Decimal | None = None
    avg_price: Decimal | None = None
    events: tuple[Event, ...] = ()  # only of an order that was read alone
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True, kw_only=True)
class Group:
    group_id: str
    type: str
    holder: str | None  # the order that has fired; the others are held, or were cancelled
    orders: tuple[Order, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Where the engine sends your events, and how that goes."""

    id: str
    url: str
    description: str | None
    statuses: tuple[str, ...] | None  # None: events with any status
    enabled: bool
    disabled_at: datetime | None
    disabled_why: str | None
    failing_since: datetime | None
    last_delivered_at: datetime | None
    last_failed_at: datetime | None
    last_error: str | None
    waiting: int
    failed: int
    previous_secret_until: datetime | None
    created_at: datetime
    secret: str = ""  # shown once: when it is made
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Webhooks:
    webhooks: tuple[Webhook, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    orders: tuple[Order, ...]
    next_cursor: str | None


def parse(text: str | bytes) -> Any:
    """JSON with exact decimals."""
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise EngineError("The answer is not JSON: is this an engine?") from None


def read(kind: type[Answer], data: Any) -> Answer:
    try:
        return _read(kind, data)
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError):
        raise EngineError(f"The answer is not a valid {kind.__name__}: is this an engine?") from None


def _read(kind: type[Answer], data: Mapping[str, Any]) -> Answer:
    build: Callable[..., Answer] = kind
    values = {name: convert(data[key]) for name, key, convert, required in _plan(build) if required or key in data}
    return build(**values, **({"raw": data} if "raw" in kind.__annotations__ else {}))


@cache
def _plan(kind: Any) -> list[tuple[str, str, Callable[[Any], Any], bool]]:
    """Of each field: its name, its name in JSON, how to convert it, and whether it has to be there."""
    hints = get_type_hints(kind)
    return [
        (one.name, camel(one.name), _converter(hints[one.name]), one.default is MISSING)
        for one in fields(kind)
        if one.name != "raw"
    ]


def _converter(hint: Any) -> Callable[[Any], Any]:
    if isinstance(hint, UnionType):
        (inner,) = (part for part in get_args(hint) if part is not NoneType)
        convert = _converter(inner)
        return lambda value: None if value is None else convert(value)
    if get_origin(hint) is tuple:
        item = _converter(get_args(hint)[0])
        return lambda values: tuple(item(value) for value in values)
    if is_dataclass(hint):
        kind: Any = hint
        return lambda value: _read(kind, value)
    if hint is datetime:
        return datetime.fromisoformat
    if hint is Decimal:
        return lambda value: Decimal(str(value))
    return lambda value: value
