"""Problems of orders that the kill switch or a risk limit refuses."""

import math
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI, Request
from starlette.responses import Response

from app.api.problems import Problem, request_id
from app.dex.amounts import to_decimal
from app.dex.valuation import USD_PLACES
from app.orders.model import TradingStopped
from app.orders.risk import RiskLimitExceeded
from app.orders.store.kill_switch import TradingState

STOPPED = {
    TradingState.REDUCING: "New orders are refused; orders under way go on. GET /api/kill-switch says why.",
    TradingState.HALTED: "Trading is halted: new orders are refused, none starts. GET /api/kill-switch says why.",
}


def trading_stopped(state: TradingState) -> Problem:
    """No order was placed."""
    code, headers = f"trading_{state}", {"Retry-After": "30"}
    return Problem(503, code, STOPPED[state], retryable=True, headers=headers)


def day_ends_at() -> datetime:
    """Midnight in UTC, when a new day of the daily risk limit begins."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def risk_limit(error: RiskLimitExceeded) -> Problem:
    if error.value is None:
        detail = "The token to sell has no price in USD, so the value of the order cannot be compared with your limit."
        return Problem(422, "risk_limit", detail)
    asked, limit = f"The order is worth {to_decimal(error.value, USD_PLACES)} USD", f"{error.limit_usd} USD"
    if error.used is None:
        return Problem(422, "risk_limit", f"{asked}, and one order may be worth at most {limit}. Send a smaller one.")
    used = to_decimal(error.used, USD_PLACES)
    detail = (
        f"{asked}. Your orders may be worth {limit} a day, and today's are worth {used} USD. A day ends at 0:00 UTC."
    )
    wait = max(1, math.ceil((day_ends_at() - datetime.now(UTC)).total_seconds()))
    return Problem(429, "risk_limit", detail, retryable=True, headers={"Retry-After": str(wait)})


def install(app: FastAPI) -> None:
    @app.exception_handler(RiskLimitExceeded)
    async def too_large(request: Request, error: RiskLimitExceeded) -> Response:
        return risk_limit(error).answer(request_id(request))

    @app.exception_handler(TradingStopped)
    async def stopped(request: Request, _: TradingStopped) -> Response:
        return trading_stopped(TradingState.HALTED).answer(request_id(request))
