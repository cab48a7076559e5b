"""The limits of the caller: what they are, and how much of them is used."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from app.access.caller import Caller
from app.api.admission import admit_read, orders_left
from app.api.context import context
from app.api.refusals import day_ends_at
from app.api.schemas import Answer
from app.api.spec.openapi import problems
from app.api.views import as_json, usd

router = APIRouter(prefix="/api", tags=["orders"])


class Key(Answer):
    """The API key of the request."""

    prefix: str = Field(description="As `engine keys list` shows it", examples=["oe_1a2b3c4d"])
    operator: bool
    read_only: bool = Field(description="It may change nothing")
    expires_at: datetime | None = Field(description="It is refused from then on; null: it does not expire")


class OrderQuota(Answer):
    per_minute: int
    left: int = Field(description="How many may be sent right now")


class Streams(Answer):
    """Sockets and event streams of the caller's owner, in the API process that answers."""

    max_open: int
    open: int


class RiskLimits(Answer):
    """What orders may be worth in US dollars, at the market's price."""

    max_order_usd: int | None = Field(description="One order; null: no limit")
    max_daily_usd: int | None = Field(description="All orders of the owner on one day; null: no limit")
    used_today_usd: str = Field(
        description="Of the orders accepted since the day began, whatever became of them", examples=["449.55"]
    )
    day_ends_at: datetime = Field(description="Midnight in UTC")


class Limits(Answer):
    key: Key | None = Field(description="null: local mode has no keys")
    orders: OrderQuota | None = Field(description="null: no limit")
    streams: Streams
    max_under_way: int = Field(description="Orders of the caller's owner that may be under way at once")
    risk: RiskLimits


@router.get(
    "/limits",
    summary="Your limits, and what is left of them",
    responses={200: {"model": Limits}, **problems(401, 429, 503)},
)
async def limits(request: Request) -> Response:
    ctx, caller = context(request), admit_read(request)
    risk = ctx.risk_limits(caller)
    return as_json(
        {
            "key": _key(caller) if caller.key else None,
            "orders": await orders_left(request, caller),
            "streams": {
                "maxOpen": ctx.settings.max_sockets_per_owner,
                "open": ctx.connections.open_of(caller.owner),
            },
            "maxUnderWay": ctx.settings.queue_max_per_owner,
            "risk": {
                "maxOrderUsd": risk.order_usd or None,
                "maxDailyUsd": risk.daily_usd or None,
                "usedTodayUsd": usd(await ctx.reader.used_today(caller.owner)),
                "dayEndsAt": day_ends_at(),
            },
        }
    )


def _key(caller: Caller) -> dict[str, str | bool | datetime | None]:
    return {
        "prefix": caller.key,
        "operator": caller.operator,
        "readOnly": caller.read_only,
        "expiresAt": caller.expires_at,
    }
