"""What a client may say of the price that fires an order."""

from typing import Literal

from pydantic import Field

from app.api.schemas import DecimalText, RequestBody
from app.orders.conditions import BPS, DEFAULT_PERSIST_SLOTS

MAX_PERSIST_SLOTS = 10


class _PriceTrigger(RequestBody):
    """The price that fires the order, in tokenOut for one tokenIn."""

    price: DecimalText = Field(examples=["140"])
    persist_slots: int = Field(
        DEFAULT_PERSIST_SLOTS, ge=1, le=MAX_PERSIST_SLOTS, description="For how many slots in a row it has to hold"
    )


class StopTrigger(_PriceTrigger):
    when: Literal["below"] = "below"


class TakeProfitTrigger(_PriceTrigger):
    when: Literal["above"] = "above"


class TrailingTrigger(RequestBody):
    """The fall below the highest price it has seen that fires the order."""

    trail_bps: int = Field(ge=1, lt=BPS, description="The fall, in basis points of that price", examples=[500])
    activation_price: DecimalText | None = Field(
        None, description="It follows the price from here on; default: from now on", examples=["160"]
    )
    persist_slots: int = Field(
        DEFAULT_PERSIST_SLOTS, ge=1, le=MAX_PERSIST_SLOTS, description="For how many slots in a row a price has to hold"
    )
