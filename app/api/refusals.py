"""Placing an order, or the problem that says why it was refused."""

import contextlib
import math
from datetime import UTC, datetime, timedelta

from app import metrics
from app.api.context import ApiContext
from app.api.problems import Problem, database_unavailable, key_reused
from app.api.views import usd
from app.orders.conditions import MAX_SLICED
from app.orders.intake import Accepted
from app.orders.kill_switch.states import STRICTNESS, TradingState
from app.orders.model import KeyReused, OrderForgotten, PlaceOrder, TooManyOpen, TradingStopped
from app.orders.risk import RiskLimitExceeded
from app.orders.store.placing_groups import PlacedGroup, PlaceGroup
from app.postgres.errors import DatabaseUnavailable

STOPPED = {
    TradingState.REDUCING: "New orders are refused; orders under way go on. GET /api/kill-switch says why.",
    TradingState.HALTED: "Trading is halted: new orders are refused, none starts. GET /api/kill-switch says why.",
}


REFUSALS = (KeyReused, TooManyOpen, TradingStopped, RiskLimitExceeded, DatabaseUnavailable)


async def place(ctx: ApiContext, order: PlaceOrder) -> Accepted:
    """Raises a `Problem` if the order was refused, or if nobody knows whether it was placed."""
    try:
        return await ctx.intake.place(order)
    except REFUSALS as error:
        raise await _problem(ctx, order.owner, error) from None


async def place_group(ctx: ApiContext, group: PlaceGroup) -> PlacedGroup:
    """The same for a group of orders."""
    try:
        return await ctx.changes.place_group(group)
    except REFUSALS as error:
        raise await _problem(ctx, group.owner, error) from None


async def _problem(ctx: ApiContext, owner: str, error: Exception) -> Problem:
    match error:
        case KeyReused():
            return key_reused()
        case TooManyOpen():
            most = ctx.settings.max_open_per_owner
            detail = f"You may have at most {most} orders that wait, {MAX_SLICED} of them in slices. Cancel some first."
            return counted(Problem(429, "too_many_open", detail))
        case TradingStopped():
            return counted(trading_stopped(await _state_now(ctx, owner)))
        case RiskLimitExceeded():
            return counted(risk_limit(error))
    return database_unavailable()


async def _state_now(ctx: ApiContext, owner: str) -> TradingState:
    """Why the database refused an order: this process may not know of it yet, or it was lifted a moment ago."""
    with contextlib.suppress(DatabaseUnavailable):
        await ctx.kill_switch.read()
    return max(ctx.kill_switch.state(owner), TradingState.REDUCING, key=STRICTNESS.__getitem__)


def counted(problem: Problem) -> Problem:
    metrics.REFUSED.labels(problem.code).inc()
    return problem


def trading_stopped(state: TradingState) -> Problem:
    """No order was placed."""
    code, headers = f"trading_{state}", {"Retry-After": "30"}
    return Problem(503, code, STOPPED[state], retryable=True, headers=headers)


def order_forgotten(error: OrderForgotten, *, retryable: bool) -> Problem:
    """`retryable`: whether the order can be placed once more, which gives it back."""
    detail = f"The order with this Idempotency-Key was filled by transaction {error.signature}, and then lost here."
    if retryable:
        detail += " Send the same request again once orders are accepted: you get the order back."
    return Problem(409, "order_forgotten", detail, retryable=retryable)


def day_ends_at() -> datetime:
    """Midnight in UTC, when a new day of the daily risk limit begins."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def risk_limit(error: RiskLimitExceeded) -> Problem:
    if error.value is None:
        detail = "The token to sell has no price in USD, so the value of the order cannot be compared with your limit."
        return Problem(422, "risk_limit", detail)
    asked, limit = f"The order is worth {usd(error.value)} USD", f"{error.limit_usd} USD"
    if error.used is None:
        return Problem(422, "risk_limit", f"{asked}, and one order may be worth at most {limit}. Send a smaller one.")
    detail = f"{asked}. Your orders may be worth {limit} a day, and today's are worth {usd(error.used)} USD."
    detail += " A day ends at 0:00 UTC."
    wait = max(1, math.ceil((day_ends_at() - datetime.now(UTC)).total_seconds()))
    return Problem(429, "risk_limit", detail, retryable=True, headers={"Retry-After": str(wait)})
