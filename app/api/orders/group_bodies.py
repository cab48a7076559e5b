"""What a client may send to place a group of orders of which one is filled."""

from typing import Literal

from pydantic import Field

from app.api.orders.bodies import LimitOrder, StopOrder, TakeProfitOrder, TrailingStopOrder
from app.api.orders.trigger_bodies import StopTrigger, TakeProfitTrigger
from app.api.schemas import Bps, DecimalText, RequestBody

Leg = TakeProfitOrder | StopOrder | TrailingStopOrder
LEG_SHAPES: dict[str, type[Leg]] = {
    "take_profit": TakeProfitOrder,
    "stop": StopOrder,
    "trailing_stop": TrailingStopOrder,
}


class OrderGroup(RequestBody):
    """Two orders that swap the same amount of the same tokens. Only one of them is filled."""

    type: Literal["oco"]
    legs: list[Leg] = Field(min_length=2, max_length=2)


class TakeProfitLeg(TakeProfitTrigger):
    limit_price: DecimalText | None = Field(None, description="The worst price you accept")
    slippage_bps: Bps | None = None


class StopLossLeg(StopTrigger):
    limit_price: DecimalText | None = Field(None, description="The worst price you accept")
    slippage_bps: Bps | None = None


class Bracket(RequestBody):
    """A limit order, and what is done with what it brings. Prices of the others are those of the opposite swap."""

    type: Literal["bracket"]
    entry: LimitOrder
    take_profit: TakeProfitLeg
    stop_loss: StopLossLeg
