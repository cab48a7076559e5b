"""Dead letters: failed orders, to list, retry and acknowledge."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.access.keys import OWNER
from app.api import refusals
from app.api.admission import admit, admit_read, turn_to_read
from app.api.context import actor, authenticate, context, operators_only, socket_urls
from app.api.names import unknown_token
from app.api.placing import accepted_response, made_before
from app.api.problems import Problem, invalid_request, request_id, unknown_order
from app.api.schemas import Accepted
from app.api.spec.openapi import OrderId, problems
from app.api.validation import order_uuid
from app.api.views import amount_of, as_json, cursor, json_number, page_key
from app.dex.amounts import to_decimal
from app.dex.markets import Markets
from app.orders.conditions import OrderType
from app.orders.lifecycle import Status
from app.orders.model import Order
from app.orders.store.dead_letters import as_new_order
from app.orders.store.reads import PageKey

router = APIRouter(tags=["dead letters"])

Owner = Annotated[
    str | None,
    Query(pattern=f"^{OWNER.pattern}$", description="Only those of this owner; default: those of all owners"),
]


class OriginalOrder(BaseModel):
    """The order as it was requested."""

    id: str
    tokenIn: str = Field(examples=["SOL"])
    tokenOut: str = Field(examples=["USDC"])
    amount: float | None = Field(description="With all its digits; null: its token is not listed", examples=[1.5])
    type: str = Field(examples=["market"])
    slippage: float = Field(description="A fraction", examples=[0.005])
    slippageBps: int
    venues: list[str] | None
    clientOrderId: str | None
    createdAt: datetime


class DeadLetter(BaseModel):
    """A failed order. Most fields have two names with the same value: one in camelCase, one in snake_case."""

    id: str = Field(description="The id of the order")
    orderId: str
    order_id: str
    owner: str
    originalOrder: OriginalOrder
    original_order: OriginalOrder
    failureReason: str = Field(description="The error code", examples=["venue_unavailable"])
    failure_reason: str
    attemptsMade: int = Field(examples=[3])
    attempts_made: int
    failedAt: datetime
    failed_at: datetime
    lastError: str | None = Field(description="The error of the last attempt, as a sentence")
    last_error: str | None
    retryOf: str | None = Field(description="The dead letter that this order was a retry of")


class DeadLetters(BaseModel):
    count: int = Field(description="Number of dead letters on this page")
    failedOrders: list[DeadLetter]
    failedJobs: list[DeadLetter] = Field(description="The same as failedOrders")
    message: str = Field(examples=["Failed orders: 5"])
    nextCursor: str | None = Field(description="Pass it as `cursor` to get the next page; null: this is the last page")


class DeadLetterStats(BaseModel):
    totalFailed: int
    byReason: dict[str, int] = Field(examples=[{"venue_unavailable": 5}])
    oldestFailedAt: datetime | None
    newestFailedAt: datetime | None


class Cleared(BaseModel):
    success: bool
    message: str
    clearedCount: int


@router.get(
    "/api/dlq/failed-orders",
    summary="Failed orders that are not acknowledged",
    responses={200: {"model": DeadLetters}, **problems(401, 403, 422, 429, 503)},
)
async def failed_orders(
    request: Request,
    owner: Owner = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(alias="cursor", max_length=200, description="From `nextCursor`")] = None,
) -> Response:
    """The latest failure comes first."""
    ctx = context(request)
    operators_only(caller := admit_read(request))
    async with turn_to_read(request, caller):
        orders = await ctx.dead_letters.page(owner, page_key(after) if after else None, limit + 1)
    letters = [_dead_letter(order, ctx.markets) for order in orders[:limit]]
    # The list is sorted by the time of failure, so that time is the cursor of the next page.
    more = cursor(PageKey(orders[limit - 1].updated_at, orders[limit - 1].id)) if len(orders) > limit else None
    return as_json(
        {
            "count": len(letters),
            "failedOrders": letters,
            "failedJobs": letters,
            "message": f"Failed orders: {len(letters)}",
            "nextCursor": more,
        }
    )


@router.get(
    "/api/dlq/stats",
    summary="How many orders failed, and why",
    responses={200: {"model": DeadLetterStats}, **problems(401, 403, 422, 429, 503)},
)
async def stats(request: Request, owner: Owner = None) -> Response:
    """Counts failed orders that are not acknowledged."""
    operators_only(caller := admit_read(request))
    async with turn_to_read(request, caller):
        summary = await context(request).dead_letters.summary(owner)
    return as_json(
        {
            "totalFailed": summary.total,
            "byReason": dict(summary.by_code),
            "oldestFailedAt": summary.oldest,
            "newestFailedAt": summary.newest,
        }
    )


@router.delete(
    "/api/dlq/clear",
    summary="Acknowledge all dead letters",
    responses={200: {"model": Cleared}, **problems(401, 403, 422, 503)},
)
async def clear(request: Request, owner: Owner = None) -> Response:
    """Removes them from the list and the statistics. Nothing is deleted: the orders and their logs stay readable."""
    ctx, caller = context(request), authenticate(request)
    operators_only(caller)
    async with ctx.audit.action(actor(request, caller), "dead_letters.clear", {"of": owner}) as outcome:
        # Orders that fail from now on have not been listed yet, so they are not acknowledged.
        outcome["acknowledged"] = count = await ctx.dead_letters.acknowledge(owner, await ctx.reader.now())
    message = f"{count} acknowledged; their history is kept"
    return as_json({"success": True, "message": message, "clearedCount": count})


@router.delete(
    "/api/dlq/clear/failed",
    summary="Acknowledge the failed orders",
    responses={200: {"model": Cleared}, **problems(401, 403, 422, 503)},
)
async def clear_failed(request: Request, owner: Owner = None) -> Response:
    """The same as `/api/dlq/clear`: all dead letters here are failed orders."""
    return await clear(request, owner)


@router.post(
    "/api/dlq/{order_id}/retry",
    status_code=202,
    summary="Retry a failed order as a new order",
    responses={
        202: {"model": Accepted, "description": "A new order of the same owner, with the failed one in `retryOf`"},
        200: {"model": Accepted, "description": "It was retried before: the order that was placed then"},
        **problems(401, 403, 404, 409, 422, 429, 503),
    },
)
async def retry(request: Request, order_id: OrderId) -> Response:
    """The failed order does not change. Repeated calls place only one new order. If that fails too, it is a dead letter
    itself, and can be retried. 409 unless the order is `failed`.
    """
    ctx, caller = context(request), authenticate(request)
    operators_only(caller)
    failed = await ctx.reader.order(order_uuid(order_id), None)
    if failed is None:
        raise unknown_order()
    if failed.status is not Status.FAILED:
        raise Problem(409, "not_failed", f"The order is {failed.status}. Only a failed order can be retried.")
    if failed.group_id or failed.parent_id or failed.type == OrderType.DCA:
        detail = "The order is part of a group, or of an order that is executed in slices. Place it anew."
        raise Problem(409, "group_member", detail)
    if failed.chain != ctx.network.chain_id():
        raise Problem(409, "other_chain", "The order was placed for another chain. Place it anew on this one.")
    if (token_in := ctx.markets.find(failed.token_in)) is None:
        raise invalid_request([("/tokenIn", unknown_token(failed.token_in, ctx.markets))])
    order = as_new_order(
        failed,
        usd_value=ctx.usd_value(token_in, failed.amount_in),
        max_daily_usd=caller.max_daily_usd,
        request_id=request_id(request),
        tag=ctx.memos.tag_of_retry(failed),
        chain=ctx.network.chain_id(),
    )
    try:
        await admit(request, caller, 1, owner=failed.owner)
    except Problem as problem:
        find = partial(ctx.intake.placed_before, order)
        accepted = await made_before(request, caller, order.idempotency_key, problem, find)
    else:
        async with ctx.audit.action(actor(request, caller), "dead_letters.retry", {"order": failed.id}) as outcome:
            accepted = await refusals.place(ctx, order)
            outcome["newOrder"] = accepted.placed.order
    return accepted_response(accepted, socket_urls(request, caller, owner=failed.owner), {"retryOf": str(failed.id)})


def _dead_letter(order: Order, markets: Markets) -> dict[str, Any]:
    amount = amount_of(markets.find(order.token_in), order.amount_in)
    original = {
        "id": str(order.id),
        "tokenIn": order.token_in,
        "tokenOut": order.token_out,
        "amount": None if amount is None else json_number(amount),
        "type": order.type,
        "slippage": json_number(to_decimal(order.slippage_bps, 4)),
        "slippageBps": order.slippage_bps,
        "venues": order.venues,
        "clientOrderId": order.client_order_id,
        "createdAt": order.created_at,
    }
    reason = order.code or "unknown"
    return {
        "id": str(order.id),
        "orderId": str(order.id),
        "order_id": str(order.id),
        "owner": order.owner,
        "originalOrder": original,
        "original_order": original,
        "failureReason": reason,
        "failure_reason": reason,
        "attemptsMade": order.attempt,
        "attempts_made": order.attempt,
        "failedAt": order.updated_at,
        "failed_at": order.updated_at,
        "lastError": order.error,
        "last_error": order.error,
        "retryOf": None if order.retry_of is None else str(order.retry_of),
    }
