"""What can be placed. The fields are those of the engine's API, in snake_case; docs/guide.md explains them."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

Amount = Decimal | int | str  # not float: money has exact decimals


@dataclass(frozen=True, slots=True)
class Price:
    """The price that fires a stop or a take-profit, in token_out for one token_in."""

    price: Amount
    _: KW_ONLY
    persist_slots: int | None = None


@dataclass(frozen=True, slots=True)
class Trail:
    """The fall below the highest price it has seen that fires a trailing stop, in basis points."""

    trail_bps: int
    _: KW_ONLY
    activation_price: Amount | None = None
    persist_slots: int | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """Which pools of a token fire a sniper."""

    event: Literal["pool_created", "liquidity"]
    _: KW_ONLY
    venue: str | None = None
    min_depth_usd: Amount | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    slices: int
    every_seconds: int
    _: KW_ONLY
    start_at: datetime | None = None
    on_miss: Literal["extend", "skip", "catch_up"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand:
    min: Amount | None = None
    max: Amount | None = None


@dataclass(frozen=True)
class _Terms:
    order_type: ClassVar[str]
    token_in: str
    token_out: str
    amount: Amount  # of token_in
    _: KW_ONLY
    slippage_bps: int | None = None
    max_price_impact_bps: int | None = None
    venues: Sequence[str] | None = None
    client_order_id: str | None = None
    time_in_force: Literal["gtc", "gtd", "ioc", "fok"] | None = None
    expires_at: datetime | None = None
    expires_in_seconds: int | None = None


@dataclass(frozen=True)
class Market(_Terms):
    """Executed now."""

    order_type = "market"
    _: KW_ONLY
    min_amount_out: Amount | None = None


@dataclass(frozen=True)
class Limit(_Terms):
    """Executed once a quote reaches the limit price, and never at a worse price."""

    order_type = "limit"
    _: KW_ONLY
    limit_price: Amount
    acknowledge_price: bool | None = None


@dataclass(frozen=True)
class Stop(_Terms):
    """Executed once the price on all venues has fallen to the trigger's."""

    order_type = "stop"
    _: KW_ONLY
    trigger: Price
    limit_price: Amount | None = None
    acknowledge_single_venue: bool | None = None


@dataclass(frozen=True)
class TakeProfit(_Terms):
    """Executed once the price on all venues has risen to the trigger's."""

    order_type = "take_profit"
    _: KW_ONLY
    trigger: Price
    limit_price: Amount | None = None
    acknowledge_single_venue: bool | None = None


@dataclass(frozen=True)
class TrailingStop(_Terms):
    """A stop that follows a rising price."""

    order_type = "trailing_stop"
    _: KW_ONLY
    trigger: Trail
    acknowledge_single_venue: bool | None = None


@dataclass(frozen=True)
class Dca(_Terms):
    """Executed in equal slices at intervals."""

    order_type = "dca"
    _: KW_ONLY
    schedule: Schedule
    price_band: PriceBand | None = None


@dataclass(frozen=True)
class Sniper(_Terms):
    """Executed as soon as a token is traded. token_out is its mint address."""

    order_type = "sniper"
    _: KW_ONLY
    limit_price: Amount
    trigger: Launch


@dataclass(frozen=True, slots=True)
class Exit:
    """How a bracket sells what its entry has bought. Its prices are those of the opposite swap."""

    price: Amount
    _: KW_ONLY
    limit_price: Amount | None = None
    slippage_bps: int | None = None
    persist_slots: int | None = None


@dataclass(frozen=True)
class Oco:
    """Two orders that swap the same amount of the same tokens. Only one of them is filled."""

    type: ClassVar[str] = "oco"
    legs: tuple["TakeProfit", "Stop | TrailingStop"]


@dataclass(frozen=True)
class Bracket:
    """A limit order, and what is done with what it brings."""

    type: ClassVar[str] = "bracket"
    _: KW_ONLY
    entry: Limit
    take_profit: Exit
    stop_loss: Exit


AnyOrder = Market | Limit | Stop | TakeProfit | TrailingStop | Dca | Sniper
AnyGroup = Oco | Bracket


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def as_json(value: Any) -> Any:
    """The JSON of an order, or of any value in one. What is None is left out: the engine's default applies."""
    if is_dataclass(value):
        kinds = {camel(name): kind for name in ("order_type", "type") if (kind := getattr(value, name, None))}
        return kinds | as_json({field.name: getattr(value, field.name) for field in fields(value)})
    if isinstance(value, Mapping):
        return {camel(name): as_json(item) for name, item in value.items() if item is not None}
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value
