"""Moments, and what a client may say of an order that is executed in slices."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.api.schemas import DecimalText, RequestBody

YEAR_SECONDS = 31_536_000


def _text(value: Any) -> Any:
    """Pydantic would take a number for seconds since 1970."""
    if not isinstance(value, str):
        raise PydanticCustomError("moment", "must be a string such as 2027-01-31T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text)]


class Schedule(RequestBody):
    slices: int = Field(ge=0, le=1_000_000, description="How many, 2 to 1,000", examples=[10])
    every_seconds: int = Field(ge=1, le=YEAR_SECONDS, examples=[3600])
    start_at: Moment | None = Field(None, description="When the first slice is made; default: now")
    on_miss: Literal["extend", "skip", "catch_up"] = Field(
        "extend",
        description="After a time without slices, such as a halt: extend makes all, later; skip leaves out the missed "
        "ones; catch_up makes them one after the other, 10 s apart",
    )


class PriceBand(RequestBody):
    min: DecimalText | None = Field(None, description="No slice is filled below it")
    max: DecimalText | None = Field(None, description="A slice is skipped while the price is above it")
