"""Dead letters: what failed, why, and once more."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.access.keys import OWNER
from app.api.admission import admit
from app.api.context import authenticate, context, operators_only, socket_urls
from app.api.problems import Problem, request_id, unknown_order
from app.api.routes.place import answer
from app.api.schemas import Accepted
from app.api.spec.openapi import OrderId, problems
from app.api.validation import order_uuid
from app.api.views import as_json, cursor, place
from app.dex.amounts import to_decimal
from app.dex.markets import Markets
from app.orders.lifecycle import Status
from app.orders.model import Order
from app.orders.store.dead_letters import as_new_order

router = APIRouter(tags=["dead letters"])

Owner = Annotated[
    str | None, Query(pattern=f"^{OWNER.pattern}$", description="Only this owner's; everybody's unless given")
]


class OriginalOrder(BaseModel):
    """What was asked for."""

    id: str
    tokenIn: str = Field(examples=["SOL"])
    tokenOut: str = Field(examples=["USDC"])
    amount: float = Field(description="Exact, in as many digits as it has", examples=[1.5])
    type: str = Field(examples=["market"])
    slippage: float = Field(description="A fraction", examples=[0.005])
    slippageBps: int
    venues: list[str] | None
    clientOrderId: str | None
    createdAt: datetime


class DeadLetter(BaseModel):
    """An order that failed. Each of its facts has two names: one for programs, one as a table would have it."""

    id: str = Field(description="The order's own id: an order fails once")
    orderId: str
    order_id: str
    owner: str
    originalOrder: OriginalOrder
    original_order: OriginalOrder
    failureReason: str = Field(description="The code", examples=["venue_unavailable"])
    failure_reason: str
    attemptsMade: int = Field(examples=[3])
    attempts_made: int
    failedAt: datetime
    failed_at: datetime
    lastError: str | None = Field(description="The last attempt's error, as a sentence")
    last_error: str | None
    retryOf: str | None = Field(description="The dead letter that this order was to try again")


class DeadLetters(BaseModel):
    count: int = Field(description="On this page")
    failedOrders: list[DeadLetter]
    nextCursor: str | None = Field(description="Pass it as `cursor` for the next page; null: this was the last")


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
    summary="Failed orders that nobody has acknowledged",
    responses={200: {"model": DeadLetters}, **problems(401, 403, 422, 503)},
)
async def failed_orders(
    request: Request,
    owner: Owner = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(alias="cursor", max_length=200, description="From `nextCursor`")] = None,
) -> Response:
    """The latest failure first."""
    ctx = context(request)
    operators_only(authenticate(request))
    found = await ctx.dead_letters.page(owner, place(after) if after else None, limit + 1)
    letters = [_letter(order, ctx.markets) for order in found[:limit]]
    # The list is in the order of failing, so that moment is where the next page begins.
    more = cursor(replace(found[limit - 1], created_at=found[limit - 1].updated_at)) if len(found) > limit else None
    return as_json({"count": len(letters), "failedOrders": letters, "nextCursor": more})


@router.get(
    "/api/dlq/stats",
    summary="How many orders failed, and why",
    responses={200: {"model": DeadLetterStats}, **problems(401, 403, 422, 503)},
)
async def stats(request: Request, owner: Owner = None) -> Response:
    """Of those that nobody has acknowledged."""
    operators_only(authenticate(request))
    found = await context(request).dead_letters.summary(owner)
    return as_json(
        {
            "totalFailed": found.total,
            "byReason": dict(found.by_code),
            "oldestFailedAt": found.oldest,
            "newestFailedAt": found.newest,
        }
    )


@router.delete(
    "/api/dlq/clear",
    summary="Acknowledge all dead letters",
    responses={200: {"model": Cleared}, **problems(401, 403, 422, 503)},
)
async def clear(request: Request, owner: Owner = None) -> Response:
    """They leave the list and the statistics. Nothing is deleted: each order and its log can be read for ever."""
    ctx = context(request)
    operators_only(authenticate(request))
    # What fails while this runs has not been seen by anybody.
    count = await ctx.dead_letters.acknowledge(owner, await ctx.reader.now())
    message = f"{count} acknowledged; their history is kept"
    return as_json({"success": True, "message": message, "clearedCount": count})


@router.delete(
    "/api/dlq/clear/failed",
    summary="Acknowledge the failed orders",
    responses={200: {"model": Cleared}, **problems(401, 403, 422, 503)},
)
async def clear_failed(request: Request, owner: Owner = None) -> Response:
    """The same as `/api/dlq/clear`: there are no dead letters here but failed orders."""
    return await clear(request, owner)


@router.post(
    "/api/dlq/{order_id}/retry",
    status_code=202,
    summary="Try a failed order again, as a new one",
    responses={
        202: {"model": Accepted, "description": "A new order, its owner's, that names the old one in `retryOf`"},
        200: {"model": Accepted, "description": "It was retried before: the order that was made then"},
        **problems(401, 403, 404, 409, 422, 429, 503),
    },
)
async def retry(request: Request, order_id: OrderId) -> Response:
    """The failed order stays as it is. It is retried once, however often this is called: if the new order fails too,
    that one is a dead letter, to be retried in its turn. 409 unless the order is `failed`.
    """
    ctx, caller = context(request), authenticate(request)
    operators_only(caller)
    letter = await ctx.reader.order(order_uuid(order_id), None)
    if letter is None:
        raise unknown_order()
    if letter.status is not Status.FAILED:
        raise Problem(409, "not_failed", f"The order is {letter.status}; only a failed one can be retried.")
    await admit(request, caller, 1)
    accepted = await ctx.intake.place(as_new_order(letter, request_id=request_id(request)))
    return answer(accepted, socket_urls(request, caller, owner=letter.owner), {"retryOf": str(letter.id)})


def _letter(order: Order, markets: Markets) -> dict[str, Any]:
    original = {
        "id": str(order.id),
        "tokenIn": order.token_in,
        "tokenOut": order.token_out,
        "amount": orjson.Fragment(to_decimal(order.amount_in, markets.token(order.token_in).decimals)),
        "type": order.type,
        "slippage": orjson.Fragment(to_decimal(order.slippage_bps, 4)),
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
