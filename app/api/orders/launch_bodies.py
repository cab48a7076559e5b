"""What a client may say of the launch that fires an order."""

from typing import Literal

from pydantic import Field

from app.api.schemas import DecimalText, Label, RequestBody


class SniperTrigger(RequestBody):
    """Which pools of the token fire the order."""

    event: Literal["pool_created", "liquidity"] = Field(
        description="pool_created: there is one; liquidity: they hold minDepthUsd"
    )
    venue: Label | None = Field(None, description="Only pools of this venue count; default: all", examples=["raydium"])
    min_depth_usd: DecimalText | None = Field(
        None, description="What they have to hold together, both sides, in dollars", examples=["20000"]
    )
