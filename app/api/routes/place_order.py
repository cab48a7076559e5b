"""Place one order, or up to fifty in one request."""

import asyncio
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.access.authentication import Caller
from app.api import refusals
from app.api.admission import admit, count_invalid, may_be_invalid, place_of_batch, read_body
from app.api.context import authenticate, context, socket_urls
from app.api.fast_routes import FastRoute
from app.api.orders.bodies import MAX_IN_BATCH, shape_of
from app.api.placing import SocketUrl, accepted_view, found_before, made_before, may_be_repeat, place_one
from app.api.problems import Problem, internal_error, invalid, needs_upgrade, request_id
from app.api.schemas import Accepted, BatchAnswer
from app.api.spec.openapi import KEY_PARAMETER, SIDE_CLIENTS, body, problems
from app.api.validation import check_key, idempotency_key_in, read, to_order, with_condition
from app.api.views import as_json

router = APIRouter(prefix="/api/orders", tags=["orders"], route_class=FastRoute)

MAX_BATCH = 64 * 1024  # bytes

SELL_SOL = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}
BUY_BONK = {"tokenIn": "USDC", "tokenOut": "BONK", "amount": "20", "venues": ["meteora"]}
PROTECTED = {
    "tokenIn": "SOL",
    "tokenOut": "USDC",
    "amount": "1.5",
    "orderType": "market",
    "slippageBps": 30,
    "minAmountOut": "150",
    "maxPriceImpactBps": 100,
    "venues": ["raydium", "meteora"],
    "expiresInSeconds": 60,
    "clientOrderId": "rebalance-7",
}
LIMIT = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5", "orderType": "limit", "limitPrice": "155"}
STOP = {
    "tokenIn": "SOL",
    "tokenOut": "USDC",
    "amount": "1.5",
    "orderType": "stop",
    "trigger": {"price": "120", "when": "below", "persistSlots": 2},
    "limitPrice": "115",
}
TAKE_PROFIT = {
    "tokenIn": "SOL",
    "tokenOut": "USDC",
    "amount": "1.5",
    "orderType": "take_profit",
    "trigger": {"price": "180", "when": "above"},
    "expiresInSeconds": 86_400,
}
TRAILING_STOP = {
    "tokenIn": "SOL",
    "tokenOut": "USDC",
    "amount": "1.5",
    "orderType": "trailing_stop",
    "trigger": {"trailBps": 500},
}
DCA = {
    "tokenIn": "USDC",
    "tokenOut": "SOL",
    "amount": "1000",
    "orderType": "dca",
    "schedule": {"slices": 10, "everySeconds": 3600, "onMiss": "extend"},
    "priceBand": {"min": "0.005"},
}
SNIPER = {
    "tokenIn": "SOL",
    "tokenOut": "FVuPVXNMQDmxEPBYL2Ce6C6pCYWKCmy6oKRkrBmF7mYF",
    "amount": "0.5",
    "orderType": "sniper",
    "limitPrice": "500",
    "trigger": {"event": "pool_created", "venue": "raydium", "minDepthUsd": "20000"},
}
SIDED = {"side": "buy", "amount": 10, "inputToken": "SOL", "outputToken": "USDC"}


@router.post(
    "/execute",
    status_code=202,
    summary="Place an order",
    tags=[SIDE_CLIENTS],
    responses={
        202: {"model": Accepted, "description": "Durable, and queued or waiting for its condition"},
        200: {"model": Accepted, "description": "An earlier request with this key placed the order"},
        **problems(400, 401, 403, 409, 413, 415, 422, 429, 503),
    },
    openapi_extra={
        "parameters": [KEY_PARAMETER],
        **body(
            "AnyOrder",
            {
                "plain": {"summary": "Sell 1.5 SOL for USDC", "value": SELL_SOL},
                "venue": {"summary": "Buy BONK for 20 USDC, on Meteora only", "value": BUY_BONK},
                "protected": {"summary": "With all optional limits", "value": PROTECTED},
                "limit": {"summary": "Sell once the price reaches 155", "value": LIMIT},
                "stop": {"summary": "Sell once the price has fallen to 120, for no less than 115", "value": STOP},
                "take_profit": {"summary": "Sell once the price has risen to 180, within a day", "value": TAKE_PROFIT},
                "trailing_stop": {"summary": "Sell once the price is 5 % below its highest", "value": TRAILING_STOP},
                "dca": {"summary": "Buy SOL for 100 USDC every hour, ten times", "value": DCA},
                "sniper": {"summary": "Buy WIF as soon as it is launched, at least 500 for one SOL", "value": SNIPER},
                "side": {"summary": "In the format of a legacy client", "value": SIDED},
            },
        ),
    },
)
async def execute(request: Request) -> Response:
    """A market order is executed now. Orders of the other types wait with the status `open`: for their price, for
    their time, or for the launch of a token.

    The answer is sent once the order is on disk. Then open `wsUrl` to receive every step.

    Submitting and streaming are two requests, because a WebSocket handshake is a GET (RFC 6455): a POST cannot be
    upgraded. Events in between are not lost: the socket starts with all events so far.
    """
    return await place_one(request, await read_body(request))


@router.get("/execute", include_in_schema=False)
async def execute_needs_upgrade(_: Request) -> Response:
    raise needs_upgrade()


@router.post(
    "/batch",
    summary="Place up to 50 orders",
    responses={200: {"model": BatchAnswer}, **problems(400, 401, 403, 413, 415, 422, 429, 503)},
    openapi_extra=body(
        "Batch",
        {
            "two": {
                "summary": "Two orders, each with its own key",
                "value": {
                    "orders": [
                        {**SELL_SOL, "idempotencyKey": "morning-1"},
                        {**BUY_BONK, "idempotencyKey": "morning-2"},
                    ]
                },
            }
        },
    ),
)
async def batch(request: Request) -> Response:
    """The orders are independent. `results` has an accepted order or a problem for each, in the order of the request.

    The whole request is refused only if it is not a list of 1 to 50 orders.
    """
    with place_of_batch(request, authenticate(request)):
        return await _place_batch(request)


async def _place_batch(request: Request) -> Response:
    fields = await read_body(request, MAX_BATCH)
    items = fields.get("orders")
    if set(fields) != {"orders"} or not isinstance(items, list) or not 1 <= len(items) <= MAX_IN_BATCH:
        raise invalid([("/orders", f"must be the only field: a list of 1 to {MAX_IN_BATCH} orders")])
    if idempotency_key_in(request.scope) is not None:
        raise Problem(422, "invalid_key", "In a batch, set `idempotencyKey` on each order instead of the header.")
    caller = authenticate(request)
    refusal: Problem | None = None  # of all that repeat no earlier order
    try:
        await admit(request, caller, len(items))
    except Problem as problem:
        if not any(isinstance(item, dict) and "idempotencyKey" in item for item in items):
            raise
        refusal = problem.with_traceback(None)  # it has this frame, which would stay with the body for a long time
    sockets = socket_urls(request, caller)
    results = await asyncio.gather(
        *(_place_item(item, f"/orders/{n}", request, caller, sockets, refusal) for n, item in enumerate(items))
    )
    if refusal is not None and all(result.get("code") == refusal.code for result in results):
        raise refusal
    return as_json({"results": results})


async def _place_item(
    item: Any, at: str, request: Request, caller: Caller, sockets: SocketUrl, refusal: Problem | None
) -> dict[str, Any]:
    ctx, identifier = context(request), request_id(request)
    try:
        may_be_invalid(request, caller)
        if not isinstance(item, dict):
            raise invalid([(at, "must be an object")])
        if refusal is not None:  # looking at one takes this process half a millisecond
            may_be_repeat(request, caller, item.get("idempotencyKey"), refusal)
        body = read(shape_of(item, at, in_batch=True), item, at)
        key = check_key(getattr(body, "idempotency_key", None))
        asked = to_order(body, ctx, caller=caller, idempotency_key=key, request_id=identifier, at=at)
        find = partial(ctx.intake.placed_before, asked)
        if refusal is not None:
            return accepted_view(await found_before(refusal, find), sockets)
        try:
            order = with_condition(asked, body, ctx, at)
        except Problem as problem:
            accepted = await made_before(request, caller, key, problem, find)
        else:
            accepted = await refusals.place(ctx, order)
        return accepted_view(accepted, sockets)
    except Problem as problem:
        problem.__traceback__ = None  # the same
        if problem is not refusal:
            count_invalid(request, caller, problem.status)
        return problem.as_dict(identifier)
    except Exception as error:  # the other items have answers of their own
        return internal_error(identifier, error).as_dict(identifier)
