"""The request bodies and answers of the API."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.access.keys import OWNER
from app.api.json_body import NumberText
from app.api.problems import ProblemDocument
from app.orders.kill_switch.states import TradingState
from app.orders.lifecycle import Status

MAX_KEY_LENGTH = 255
MAX_REASON = 500
DAY_SECONDS = 86_400
SYMBOL = "^[A-Za-z0-9]{1,16}$"  # of a token that is launched


def _literal(value: Any) -> str:
    """The literal text of a decimal, from a JSON number or a string."""
    if isinstance(value, NumberText):
        return value.text
    is_text = isinstance(value, str) and value.isascii()  # half of a surrogate pair could not even be written down
    if isinstance(value, bool) or not (is_text or isinstance(value, int)):
        raise PydanticCustomError("decimal", "must be a decimal number, or a string with one")
    return str(value)


def printable(value: str) -> str:
    if not value.isprintable():
        raise PydanticCustomError("printable", "must be printable")
    return value


DECIMAL_SCHEMA = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^[0-9]{1,20}(\.[0-9]{1,18})?$"},
    ]
}
DecimalText = Annotated[str, BeforeValidator(_literal), Field(max_length=39), WithJsonSchema(DECIMAL_SCHEMA)]
Label = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)]
Bps = Annotated[int, Field(ge=0, le=10_000)]


class RequestBody(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=False,
        validate_by_alias=True,
        extra="forbid",
        strict=True,
        frozen=True,
    )


class SetKillSwitch(RequestBody):
    """A new state, for all owners or for one."""

    state: Annotated[TradingState, Field(strict=False)]
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON), AfterValidator(printable)] = Field(
        description="Shown to every caller that it stops", examples=["Prices are wrong."]
    )
    owner: Annotated[str, Field(pattern=f"^{OWNER.pattern}$")] | None = Field(
        None, description="Only this owner; default: all owners"
    )


class SetDeadMan(RequestBody):
    """How long the caller may be silent before all orders are cancelled."""

    seconds: int = Field(ge=0, le=DAY_SECONDS, description="0: switch it off", examples=[60])


class CreateWebhook(RequestBody):
    """Where events are sent, and which."""

    url: str = Field(description="https, and public: no address inside", examples=["https://bot.example.com/engine"])
    statuses: Annotated[list[Annotated[Status, Field(strict=False)]], Field(min_length=1, max_length=20)] | None = (
        Field(None, description="Only events with these; default: all")
    )
    description: Label | None = Field(None, description="For you")


class MoveMarket(RequestBody):
    """A new price of a pair: either the price itself, or how far it moves."""

    token_in: Label = Field(description="Symbol or mint", examples=["SOL"])
    token_out: Label = Field(description="Symbol or mint", examples=["USDC"])
    price: DecimalText | None = Field(None, description="tokenOut for one tokenIn", examples=["150.25"])
    move_bps: Annotated[int, Field(ge=-9_900, le=100_000)] | None = Field(
        None, description="From the price now, in basis points: -100 is 1 % down"
    )


class LaunchPool(RequestBody):
    """A new token, and its first pool; or a pool of such a token on another venue, with the same other fields."""

    venue: Label = Field(examples=["raydium"])
    symbol: Annotated[str, Field(pattern=SYMBOL)] = Field(examples=["WIF"])
    name: Label = Field(examples=["dogwifhat"])
    decimals: int = Field(6, ge=0, le=9)
    usd: DecimalText = Field(description="The price of one token, around which it moves", examples=["0.25"])
    quote: Literal["SOL", "USDC"] = Field("SOL", description="The token that it is traded against")
    depth_usd: int = Field(ge=1_000, le=10**9, description="What the pool holds, both sides together", examples=[50000])


class Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class Accepted(Answer):
    """The order is durable. Open `wsUrl` to receive every step."""

    order_id: str = Field(examples=["01a1fcdd-4c14-773b-8d77-909b122b0037"])
    status: Status
    ws_url: str = Field(examples=["ws://127.0.0.1:3000/api/orders/execute?orderId=…"])
    websocket_url: str = Field(description="The same as wsUrl, for legacy clients")
    status_endpoint: str = Field(examples=["/api/orders/01a1fcdd-4c14-773b-8d77-909b122b0037/status"])
    created_at: datetime
    idempotent: bool = Field(description="true: an earlier request with this key placed the order")
    success: Literal[True] = True
    message: str = Field("Order queued successfully")
    starts_in_ms: int | None = Field(
        None, description="How soon the limit of starts per minute lets it start; null: not known now"
    )
    trigger: dict[str, Any] | None = Field(None, description="Only if it waits: for what, and how far the price is")
    side: Literal["buy", "sell"] | None = Field(None, description="Only if the request had it: echoed")
    slippage_bps: int | None = Field(
        None, description="Only if the request had `slippage`: how it was understood, in basis points"
    )
    retry_of: str | None = Field(None, description="Only for a retry: the dead letter that it retries")


class BatchAnswer(Answer):
    """For each order, in the order of the request: an accepted order or a problem document."""

    results: list[Accepted | ProblemDocument]


class Event(Answer):
    """One event of an order's log; the same object on every stream."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow")

    order_id: str
    seq: int = Field(ge=1)
    status: Status
    attempt: int
    at: datetime


class SliceCounts(Answer):
    total: int
    filled: int
    failed: int
    skipped: int
    next_at: datetime | None


class OrderView(Answer):
    """The current state of an order."""

    order_id: str
    id: str = Field(description="The same as orderId, for legacy clients")
    status: Status
    seq: int
    attempt: int
    order_type: str
    token_in: str
    token_out: str
    amount: str | None = Field(description="null: the token is no longer listed")
    value_usd: str | None = Field(description="In US dollars, at the market's price when the order was accepted")
    slippage_bps: int
    min_amount_out: str | None = Field(description="Once a route was built: the limit that was fixed then")
    max_price_impact_bps: int | None
    venues: list[str] | None
    expires_at: datetime | None
    client_order_id: str | None
    retry_of: str | None
    limit_price: str | None
    time_in_force: str | None
    trigger: dict[str, Any] | None = Field(description="What it waits for, and how far the price is from that now")
    schedule: dict[str, Any] | None = Field(description="Only if it is executed in slices")
    price_band: dict[str, Any] | None
    parent_id: str | None
    group_id: str | None
    cancel_requested: bool = Field(description="It is cancelled once its swap is proven dead")
    dex: str | None
    tx_hash: str | None
    executed_price: float | None = Field(description="tokenOut for one tokenIn, with all its digits")
    amount_out: str | None
    error: str | None
    code: str | None
    created_at: datetime
    updated_at: datetime
    slices: SliceCounts | None = Field(
        None, description="Only of an order read or listed that is executed in slices, as the next three"
    )
    filled_in: str | None = None
    filled_out: str | None = None
    avg_price: float | None = None


class OrderSnapshot(OrderView):
    """An order with its log, and the URLs for its further events."""

    events: list[Event]
    ws_url: str
    status_endpoint: str


class AcceptedGroup(Answer):
    group_id: str
    type: Literal["oco", "bracket"]
    idempotent: bool = Field(description="true: an earlier request with this key placed the group")
    orders: list[Accepted]


class GroupView(Answer):
    group_id: str
    type: Literal["oco", "bracket"]
    holder: str | None = Field(description="The order that has fired; the others are held, or were cancelled")
    orders: list[OrderView]


class Cancelled(Answer):
    cancelled: int = Field(description="How many orders this request cancelled")


class OrderPage(Answer):
    orders: list[OrderView]
    next_cursor: str | None = Field(
        description="Pass it as `cursor` for the next page, even if this is empty; null: the last"
    )
