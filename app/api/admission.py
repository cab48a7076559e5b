"""Whether orders are taken now: the caller's quota, their share of the line, and the line itself."""

from fastapi import Request

from app import metrics
from app.access.authentication import Caller
from app.access.rate_limit import headers
from app.api.context import context
from app.api.problems import Problem

FULL_SECONDS = "10"  # when to come back to a line that is full: it moves by then


async def admit(request: Request, caller: Caller, orders: int) -> None:
    """A `Problem` unless the caller may place so many orders now. They count even if the book is away afterwards."""
    await _within_quota(request, caller, "orders", orders)
    match context(request).capacity.reserve(caller.owner, orders):
        case "owner":
            metrics.REFUSED.labels("queue_share_full").inc()
            detail = "Too many of your orders are under way."
            raise Problem(429, "queue_share_full", detail, retryable=True, headers={"Retry-After": FULL_SECONDS})
        case "total":
            metrics.REFUSED.labels("queue_full").inc()
            detail = "The line is full: more orders are under way than this engine takes."
            raise Problem(503, "queue_full", detail, retryable=True, headers={"Retry-After": FULL_SECONDS})


async def admit_cancel(request: Request, caller: Caller) -> None:
    """A bucket of its own: whoever has placed all they may can still withdraw it."""
    await _within_quota(request, caller, "cancels", 1)


async def _within_quota(request: Request, caller: Caller, kind: str, cost: int) -> None:
    ctx = context(request)
    quota = ctx.settings.api_max_orders_per_min
    if not quota:
        return
    whom = caller.key or (request.client.host if request.client else "unknown")
    verdict = await ctx.rate_limiter.take(kind, whom, cost, quota)
    told = request.scope["state"]["rate_limit"] = headers(kind, quota, verdict)  # on the answer, whatever it will be
    if not verdict.granted:
        metrics.REFUSED.labels("too_many_orders").inc()
        detail = f"At most {quota} {kind} a minute."
        raise Problem(429, "too_many_orders", detail, retryable=True, headers={"Retry-After": told["retry-after"]})
