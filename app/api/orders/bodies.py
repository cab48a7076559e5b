"""What a client may send to place an order: one shape for each order type. A field of another type is refused."""

from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.names import did_you_mean
from app.api.orders.launch_bodies import SniperTrigger
from app.api.orders.schedule_bodies import YEAR_SECONDS, Moment, PriceBand, Schedule
from app.api.orders.trigger_bodies import StopTrigger, TakeProfitTrigger, TrailingTrigger
from app.api.problems import invalid
from app.api.schemas import MAX_KEY_LENGTH, Bps, DecimalText, Label, RequestBody

MAX_IN_BATCH = 50


class OrderTerms(RequestBody):
    """What all orders have."""

    order_type: str
    token_in: Label = Field(description="Symbol or mint address of the token you pay with", examples=["SOL"])
    token_out: Label = Field(description="Symbol or mint address of the token you receive", examples=["USDC"])
    amount: DecimalText = Field(
        description="The amount of tokenIn. It is read from its literal text, never as a float", examples=[1.5]
    )
    slippage_bps: Bps | None = Field(
        None, description="How far the fill may be below the quote, in basis points; 50 unless configured otherwise"
    )
    max_price_impact_bps: Bps | None = Field(
        None, description="Do not use a venue whose price the order would move by more than this"
    )
    venues: list[Label] | None = Field(
        None, min_length=1, max_length=10, description="Use only these venues; default: all", examples=[["raydium"]]
    )
    client_order_id: Label | None = Field(None, description="A label of your own; it has no effect")
    time_in_force: str | None
    expires_at: Moment | None
    expires_in_seconds: int | None


class ExecuteOrder(OrderTerms):
    """A market order: executed now."""

    order_type: Literal["market"] = "market"
    min_amount_out: DecimalText | None = Field(
        None, description="The least you accept, in tokenOut; the higher of this and the slippage limit applies"
    )
    time_in_force: Literal["gtc", "gtd", "ioc", "fok"] | None = Field(
        None,
        description="gtd: it expires unless it has started by its end, as without this field; gtc: it never expires; "
        "ioc, or fok: it starts within 10 seconds, or it expires",
    )
    expires_at: Moment | None = Field(None, description="If it has not started by then, it expires")
    expires_in_seconds: int = Field(
        300, ge=0, le=YEAR_SECONDS, description="The same, from now, unless another field says it; 0: it never does"
    )


class _Expires(OrderTerms):
    expires_at: Moment | None = Field(None, description="When it expires if it has not been filled")
    expires_in_seconds: int | None = Field(None, ge=1, le=YEAR_SECONDS, description="The same, from now")


class LimitOrder(_Expires):
    """Executed once a quote at its size reaches the limit price, and never at a worse price."""

    order_type: Literal["limit"]
    limit_price: DecimalText = Field(
        description="The least tokenOut for one tokenIn. It is read from its literal text", examples=["155"]
    )
    time_in_force: Literal["gtc", "gtd", "ioc", "fok"] | None = Field(
        None,
        description="gtc: until it is filled or cancelled; gtd: until it expires; ioc, or fok: now, or it expires",
    )
    acknowledge_price: bool = Field(
        False, description="Accept a limit price that is more than 20 % worse than the market's"
    )


class _Triggered(_Expires):
    time_in_force: Literal["gtc", "gtd"] | None = Field(
        None, description="gtc: until it is filled or cancelled; gtd: until it expires"
    )
    acknowledge_single_venue: bool = Field(
        False, description="Needed for a pair that one venue trades: one thin pool can then fire the order"
    )


class _OnPrice(_Triggered):
    limit_price: DecimalText | None = Field(
        None, description="The worst price you accept. Default: the trigger's less the slippage, 300 basis points"
    )


class StopOrder(_OnPrice):
    """Executed once the price on all venues has fallen to the trigger's."""

    order_type: Literal["stop"]
    trigger: StopTrigger


class TakeProfitOrder(_OnPrice):
    """Executed once the price on all venues has risen to the trigger's."""

    order_type: Literal["take_profit"]
    trigger: TakeProfitTrigger


class TrailingStopOrder(_Triggered):
    """A stop that follows a rising price. It never fills below its level less the slippage, 300 basis points."""

    order_type: Literal["trailing_stop"]
    trigger: TrailingTrigger


class DcaOrder(_Expires):
    """Executed in equal slices at intervals, each a market order of its own. Also called twap."""

    order_type: Literal["dca", "twap"]
    schedule: Schedule
    price_band: PriceBand | None = Field(None, description="A slice is skipped while the price is outside")
    time_in_force: Literal["gtc", "gtd"] | None = Field(
        None, description="gtc: until its last slice; gtd: at most until it expires"
    )


class SniperOrder(_Expires):
    """Executed as soon as a token is traded, and never at a worse price than its limit."""

    order_type: Literal["sniper"]
    token_out: Label = Field(description="The mint address of the token; it need not be traded yet")
    limit_price: DecimalText = Field(description="The least tokenOut for one tokenIn", examples=["500"])
    trigger: SniperTrigger
    time_in_force: Literal["gtc", "gtd"] | None = Field(
        None, description="gtc: until it is filled or cancelled; gtd: until it expires"
    )


WaitingBody = LimitOrder | StopOrder | TakeProfitOrder | TrailingStopOrder
OpenBody = WaitingBody | SniperOrder
WAITING_SHAPES: dict[str, type[OpenBody]] = {
    "limit": LimitOrder,
    "stop": StopOrder,
    "take_profit": TakeProfitOrder,
    "trailing_stop": TrailingStopOrder,
    "sniper": SniperOrder,
}
# fields that can be amended → their names in the shapes
AMENDABLE = {
    "limitPrice": "limit_price",
    "trigger": "trigger",
    "slippageBps": "slippage_bps",
    "expiresAt": "expires_at",
    "acknowledgePrice": "acknowledge_price",
}


class AmendOrder(RequestBody):
    """What changes; the rest stays. Fields that the order's type does not have are refused."""

    limit_price: DecimalText | None = None
    trigger: StopTrigger | TakeProfitTrigger | TrailingTrigger | SniperTrigger | None = None
    slippage_bps: Bps | None = None
    expires_at: Moment | None = None
    acknowledge_price: bool = False


class CancelAll(RequestBody):
    """Which orders; a field that is missing selects every order."""

    token_in: Label | None = None
    token_out: Label | None = None
    order_type: Literal["market", "limit", "stop", "take_profit", "trailing_stop", "dca", "sniper"] | None = None
    group_id: Label | None = None


class _InBatch(RequestBody):
    idempotency_key: Annotated[str, Field(min_length=1, max_length=MAX_KEY_LENGTH)] | None = Field(
        None, description="Like the header of a single order: the same key never places a second order"
    )


class BatchItem(_InBatch, ExecuteOrder):
    """A market order with its own idempotency key."""


class BatchLimit(_InBatch, LimitOrder):
    """A limit order with its own idempotency key."""


class BatchStop(_InBatch, StopOrder):
    """A stop with its own idempotency key."""


class BatchTakeProfit(_InBatch, TakeProfitOrder):
    """A take-profit with its own idempotency key."""


class BatchTrailingStop(_InBatch, TrailingStopOrder):
    """A trailing stop with its own idempotency key."""


class BatchDca(_InBatch, DcaOrder):
    """An order in slices with its own idempotency key."""


class BatchSniper(_InBatch, SniperOrder):
    """A sniper with its own idempotency key."""


class Batch(RequestBody):
    """Independent orders: if one is refused, the others are still placed."""

    orders: list[BatchItem | BatchLimit | BatchStop | BatchTakeProfit | BatchTrailingStop | BatchDca | BatchSniper] = (
        Field(min_length=1, max_length=MAX_IN_BATCH)
    )


# order type → its shape, alone and in a batch
SHAPES: dict[str, tuple[type[OrderTerms], type[OrderTerms]]] = {
    "market": (ExecuteOrder, BatchItem),
    "limit": (LimitOrder, BatchLimit),
    "stop": (StopOrder, BatchStop),
    "take_profit": (TakeProfitOrder, BatchTakeProfit),
    "trailing_stop": (TrailingStopOrder, BatchTrailingStop),
    "dca": (DcaOrder, BatchDca),
    "twap": (DcaOrder, BatchDca),
    "sniper": (SniperOrder, BatchSniper),
}


def shape_of(fields: dict[str, Any], at: str = "", *, in_batch: bool = False) -> type[OrderTerms]:
    order_type = fields.get("orderType", "market")
    if not isinstance(order_type, str) or order_type not in SHAPES:
        message = f"must be one of: {', '.join(SHAPES)}{did_you_mean(order_type, SHAPES)}"
        raise invalid([(f"{at}/orderType", message)])
    return SHAPES[order_type][in_batch]
