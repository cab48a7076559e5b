"""The shapes on the wire: what a client may ask, and what it is told."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.api.json_body import NumberText
from app.api.problems import ProblemDocument
from app.orders.lifecycle import Status

A_YEAR = 31_536_000
MAX_KEY_LENGTH = 255
MAX_IN_BATCH = 50


def _literal(value: Any) -> str:
    """A decimal as it was written, whether as a JSON number or as a string."""
    if isinstance(value, NumberText):
        return value.text
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise PydanticCustomError("decimal", "must be a decimal number or a string that holds one")
    return str(value)


def _printable(value: str) -> str:
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
Label = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
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


class ExecuteOrder(RequestBody):
    """A market order."""

    token_in: Label = Field(description="Symbol or mint address of the token you give", examples=["SOL"])
    token_out: Label = Field(description="Symbol or mint address of the token you want", examples=["USDC"])
    amount: DecimalText = Field(
        description="How much of tokenIn; read from its literal text, never through a float", examples=[1.5]
    )
    order_type: Literal["market"] = Field("market", description="Market orders are what this engine executes")
    slippage_bps: Bps | None = Field(
        None, description="How far below the quote the fill may be, in basis points; 50 unless configured otherwise"
    )
    min_amount_out: DecimalText | None = Field(
        None, description="The least you take, in tokenOut; the higher of this and the slippage bound holds"
    )
    max_price_impact_bps: Bps | None = Field(
        None, description="Refuse a venue whose price the order would move further"
    )
    venues: list[Label] | None = Field(
        None, min_length=1, max_length=10, description="Only these venues; all unless given", examples=[["raydium"]]
    )
    expires_in_seconds: int = Field(
        300, ge=0, le=A_YEAR, description="If it has not been started by then, it fails as `expired`; 0: never"
    )
    client_order_id: Label | None = Field(None, description="A label of yours; it has no effect")


class BatchItem(ExecuteOrder):
    """An order with a key of its own."""

    idempotency_key: Annotated[str, Field(min_length=1, max_length=MAX_KEY_LENGTH)] | None = Field(
        None, description="As the header does for a single order: the same key never makes a second one"
    )


class Batch(RequestBody):
    """Orders that stand alone: one that is refused does not hinder its neighbours."""

    orders: list[BatchItem] = Field(min_length=1, max_length=MAX_IN_BATCH)


class Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)


class Accepted(Answer):
    """The order is durable. Open `wsUrl` to hear every step."""

    order_id: str = Field(examples=["01a1fcdd-4c14-773b-8d77-909b122b0037"])
    status: Status
    ws_url: str = Field(examples=["ws://127.0.0.1:3000/api/orders/execute?orderId=…"])
    status_endpoint: str = Field(examples=["/api/orders/01a1fcdd-4c14-773b-8d77-909b122b0037/status"])
    created_at: datetime
    idempotent: bool = Field(description="true: this key had made the order before")
    success: Literal[True] = True
    message: str = Field("Order queued successfully")
    starts_in_ms: int | None = Field(
        None, description="When the limit of starts per minute lets it start; null: not known now"
    )
    side: Literal["buy", "sell"] | None = Field(None, description="Only for clients that say it: echoed")
    retry_of: str | None = Field(None, description="Only of a retry: the dead letter that it tries again")


class BatchAnswer(Answer):
    """In the order asked: an accepted order, or a problem document, for each."""

    results: list[Accepted | ProblemDocument]


class Event(Answer):
    """One line of an order's log; the same object on every stream."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow")

    order_id: str
    seq: int = Field(ge=1)
    status: Status
    attempt: int
    at: datetime


class OrderView(Answer):
    """An order as it stands."""

    order_id: str
    status: Status
    seq: int
    attempt: int
    order_type: str
    token_in: str
    token_out: str
    amount: str
    slippage_bps: int
    min_amount_out: str | None = Field(description="From the first build on: what was fixed then")
    max_price_impact_bps: int | None
    venues: list[str] | None
    expires_at: datetime | None
    client_order_id: str | None
    retry_of: str | None
    dex: str | None
    tx_hash: str | None
    executed_price: str | None
    amount_out: str | None
    error: str | None
    code: str | None
    created_at: datetime
    updated_at: datetime


class OrderSnapshot(OrderView):
    """An order with its log and a way to hear the rest."""

    events: list[Event]
    ws_url: str
    status_endpoint: str


class OrderPage(Answer):
    orders: list[OrderView]
    next_cursor: str | None = Field(description="Pass it as `cursor` for the next page; null: this was the last")
