"""Whether an order may be placed now: the caller's quota, the caller's share of the queue, the depth of the queue."""

from fastapi import Request

from app import metrics
from app.access.authentication import Caller
from app.access.rate_limit import headers
from app.api.context import context
from app.api.problems import Problem

FULL_RETRY_SECONDS = "10"  # Retry-After when the queue is full: by then some orders have left it


async def admit(request: Request, caller: Caller, orders: int) -> None:
    """Raises a `Problem` unless the caller may place that many orders. They count even if Postgres then fails."""
    await _within_quota(request, caller, "orders", orders)
    match context(request).capacity.reserve(caller.owner, orders):
        case "owner":
            metrics.REFUSED.labels("queue_share_full").inc()
            detail = "You have too many orders under way."
            raise Problem(429, "queue_share_full", detail, retryable=True, headers={"Retry-After": FULL_RETRY_SECONDS})
        case "total":
            metrics.REFUSED.labels("queue_full").inc()
            detail = "The queue is full: too many orders are under way."
            raise Problem(503, "queue_full", detail, retryable=True, headers={"Retry-After": FULL_RETRY_SECONDS})


async def admit_cancel(request: Request, caller: Caller) -> None:
    """Cancels have their own bucket, so a caller without quota for orders can still cancel."""
    await _within_quota(request, caller, "cancels", 1)


async def _within_quota(request: Request, caller: Caller, kind: str, cost: int) -> None:
    ctx = context(request)
    quota = ctx.settings.api_max_orders_per_min
    if not quota:
        return
    who = caller.key or (request.client.host if request.client else "unknown")
    result = await ctx.rate_limiter.take(kind, who, cost, quota)
    fields = request.scope["state"]["rate_limit"] = headers(kind, quota, result)  # `RequestLog` adds them to any answer
    if not result.granted:
        metrics.REFUSED.labels("too_many_orders").inc()
        detail = f"You may send at most {quota} {kind} per minute."
        raise Problem(429, "too_many_orders", detail, retryable=True, headers={"Retry-After": fields["retry-after"]})
