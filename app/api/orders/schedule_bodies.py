"""Moments, and what a client may say of an order that is executed in slices."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from app.api.schemas import DecimalText, RequestBody

YEAR_SECONDS = 31_536_000
NO_OFFSET, OFFSET_LIMIT = timedelta(), timedelta(hours=16)  # Postgres takes no greater one
_DATE = re.compile(r"\d{4}-")


def _text(value: Any) -> Any:
    """Pydantic would take a number, also as text, for seconds since 1970."""
    if not isinstance(value, str) or not _DATE.match(value):
        raise PydanticCustomError("moment", "must be a string such as 2027-01-31T12:00:00Z")
    return value


def _with_known_offset(value: datetime) -> datetime:
    if abs(value.utcoffset() or NO_OFFSET) >= OFFSET_LIMIT:
        raise PydanticCustomError("moment", "must have an offset of less than 16 hours")
    return value


Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text), AfterValidator(_with_known_offset)]


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:  # near the years 1 and 9999
        raise PydanticCustomError("moment", "must be a time that UTC has") from None


UtcMoment = Annotated[Moment, AfterValidator(_in_utc)]  # of a query


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
