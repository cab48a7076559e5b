"""Orders: place, read, list, cancel."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.access.callers import Caller
from app.api.bodies import read_object
from app.api.parts import Parts, base_url, caller, operators_only, parts
from app.api.placing import check_key, read, to_order
from app.api.problems import Problem, ProblemDocument, book_away, invalid, redis_away, request_id, unknown_order
from app.api.showing import as_json, cursor, order_view, place, ways_in
from app.api.wire import Accepted, BatchAnswer, BatchItem, ExecuteOrder, OrderPage, OrderSnapshot, OrderView
from app.connections import RedisAway
from app.dex.errors import DexError
from app.orders.intake import Accepted as AcceptedOrder
from app.orders.lifecycle import Status
from app.orders.model import BookAway, IllegalCancel, KeyReused, PlaceOrder
from app.orders.reading import Filter

MOST_IN_BATCH = 50

router = APIRouter(prefix="/api/orders", tags=["orders"])

EXAMPLES = {
    "plain": {"summary": "Sell 1.5 SOL", "value": {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}},
    "careful": {
        "summary": "With every protection",
        "value": {
            "tokenIn": "SOL",
            "tokenOut": "USDC",
            "amount": "1.5",
            "orderType": "market",
            "slippageBps": 30,
            "minAmountOut": "1",
            "maxPriceImpactBps": 100,
            "venues": ["raydium", "meteora"],
            "expiresInSeconds": 60,
        },
    },
}
KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key never makes a second order. Repeat with it whenever an answer was lost.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
KEY_REUSED = Problem(422, "key_reused", "This Idempotency-Key was used for a different order.")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": ProblemDocument, "content": {"application/problem+json": {}}} for status in statuses}


def body(shape: Any, examples: dict[str, Any] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": shape.model_json_schema(ref_template="#/components/schemas/{model}")}
    if examples:
        content["examples"] = examples
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


@router.post(
    "/execute",
    status_code=202,
    summary="Place a market order",
    response_model=None,
    responses={
        202: {"model": Accepted, "description": "Durable and on its way"},
        200: {"model": Accepted, "description": "This key had made the order before"},
        **problems(400, 401, 413, 415, 422, 429, 503),
    },
    openapi_extra={**body(ExecuteOrder, EXAMPLES), "parameters": [KEY_PARAMETER]},
)
async def execute(request: Request) -> Response:
    """The answer comes once the order is on disk. Then open `wsUrl` to hear every step.

    Submitting and streaming are two requests, because a WebSocket handshake is a GET (RFC 6455): a POST cannot be
    upgraded. Nothing is missed in between: the socket begins with all that has happened.
    """
    asked = read(ExecuteOrder, await read_object(request))
    key = check_key(request.headers.get("idempotency-key") or request.headers.get("x-idempotency-key"))
    here = parts(request)
    order = _order(asked, here, caller(request), key, request_id(request))
    try:
        accepted = await here.intake.place(order)
    except KeyReused:
        raise KEY_REUSED from None
    answer = _accepted(accepted, base_url(request, sockets=True))
    return as_json(answer, 200 if answer["idempotent"] else 202, {"Location": f"/api/orders/{answer['orderId']}"})


@router.get("/execute", summary="The WebSocket's address", include_in_schema=False)
async def execute_needs_upgrade() -> Response:
    raise needs_upgrade()


@router.post(
    "/batch",
    summary="Place up to 50 orders",
    response_model=None,
    responses={200: {"model": BatchAnswer}, **problems(400, 401, 413, 415, 422, 429, 503)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["orders"],
                        "additionalProperties": False,
                        "properties": {
                            "orders": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": MOST_IN_BATCH,
                                "items": BatchItem.model_json_schema(),
                            }
                        },
                    },
                    "example": {"orders": [EXAMPLES["plain"]["value"]]},
                }
            },
        }
    },
)
async def batch(request: Request) -> Response:
    """Each order stands alone: the answer has, in the same places, an accepted order or a problem for each."""
    fields = await read_object(request)
    items = fields.get("orders")
    if set(fields) != {"orders"} or not isinstance(items, list) or not 1 <= len(items) <= MOST_IN_BATCH:
        raise invalid([("/orders", f"must be the only field: a list of 1 to {MOST_IN_BATCH} orders")])
    here, who, sockets = parts(request), caller(request), base_url(request, sockets=True)
    results = await asyncio.gather(
        *(_batch_item(item, f"/orders/{n}", here, who, sockets, request_id(request)) for n, item in enumerate(items))
    )
    return as_json({"results": results})


@router.get(
    "",
    summary="Your orders, newest first",
    response_model=None,
    responses={200: {"model": OrderPage}, **problems(401, 422, 503)},
)
async def list_orders(
    request: Request,
    status: Status | None = None,
    token_in: Annotated[str | None, Query(alias="tokenIn", max_length=64)] = None,
    token_out: Annotated[str | None, Query(alias="tokenOut", max_length=64)] = None,
    venue: Annotated[str | None, Query(max_length=64, description="Where they were routed to")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(alias="cursor", max_length=200, description="From `nextCursor`")] = None,
) -> Response:
    here = parts(request)
    where = Filter(
        status=status,
        token_in=_symbol(here, token_in, "tokenIn"),
        token_out=_symbol(here, token_out, "tokenOut"),
        dex=_known_venue(here, venue),
    )
    found = await here.reader.page(caller(request).owner, where, place(after) if after else None, limit + 1)
    return as_json(
        {
            "orders": [order_view(order, here.markets) for order in found[:limit]],
            "nextCursor": cursor(found[limit - 1]) if len(found) > limit else None,
        }
    )


@router.get(
    "/{order_id}",
    summary="One order, with its log",
    response_model=None,
    responses={200: {"model": OrderSnapshot}, **problems(401, 404, 503)},
)
async def one_order(request: Request, order_id: str) -> Response:
    here, wanted = parts(request), order_uuid(order_id)
    # The log is read after the row: it is then at least as long as the row says, and is cut to it.
    order = await here.reader.order(wanted, caller(request).owner)
    if order is None:
        raise unknown_order()
    events = [event.as_dict() for event in await here.reader.log(wanted) if event.seq <= order.seq]
    return as_json(
        {**order_view(order, here.markets), "events": events, **ways_in(wanted, base_url(request, sockets=True))}
    )


@router.post(
    "/{order_id}/cancel",
    summary="Withdraw an order that has not been sent",
    response_model=None,
    responses={200: {"model": OrderView}, **problems(401, 404, 409, 429, 503)},
)
async def cancel(request: Request, order_id: str) -> Response:
    """200 if it is cancelled, now or before; 409 once it was sent or has ended otherwise."""
    here = parts(request)
    try:
        order = await here.intake.cancel(order_uuid(order_id), caller(request).owner)
    except IllegalCancel as error:
        detail = f"The order is {error.order.status} and can no longer be cancelled."
        raise Problem(409, "not_cancellable", detail) from None
    if order is None:
        raise unknown_order()
    return as_json(order_view(order, here.markets))


@router.get(
    "/{order_id}/connections",
    summary="The sockets that watch an order",
    tags=["operator"],
    response_model=None,
    responses={200: {}, **problems(401, 403, 404, 503)},
)
async def connections(request: Request, order_id: str) -> Response:
    here, who, wanted = parts(request), caller(request), order_uuid(order_id)
    operators_only(who)
    if await here.reader.order(wanted, None) is None:
        raise unknown_order()
    try:
        watchers = await here.breaker.call(here.presence.watchers(str(wanted)))
    except RedisAway:
        raise redis_away() from None
    return as_json(
        {
            "connections": [
                {"id": one.id, "orderId": one.order, "connectedAt": one.connected_at, "active": True}
                for one in watchers
            ]
        }
    )


def order_uuid(text: str) -> UUID:
    """An id that is none names no order."""
    try:
        found = UUID(text)
    except ValueError:
        raise unknown_order() from None
    if str(found) != text.lower():
        raise unknown_order()
    return found


def needs_upgrade() -> Problem:
    return Problem(
        426,
        "upgrade_required",
        "This address speaks WebSocket. For plain HTTP there is GET /api/orders/{id} and …/events.",
        headers={"Upgrade": "websocket", "Connection": "Upgrade"},
    )


def _order(asked: ExecuteOrder, here: Parts, who: Caller, key: str | None, request: str, at: str = "") -> PlaceOrder:
    return to_order(
        asked,
        here.markets,
        venues=here.router.names,
        default_slippage_bps=here.settings.default_slippage_bps,
        owner=who.owner,
        idempotency_key=key,
        request_id=request,
        at=at,
    )


def _accepted(accepted: AcceptedOrder, sockets: str) -> dict[str, Any]:
    placed = accepted.placed
    return {
        "success": True,
        "orderId": str(placed.order),
        "status": placed.status,
        "message": "Order queued successfully",
        **ways_in(placed.order, sockets),
        "createdAt": placed.created_at,
        "idempotent": placed.idempotent,
        "startsInMs": accepted.starts_in_ms,
    }


async def _batch_item(item: Any, at: str, here: Parts, who: Caller, sockets: str, request: str) -> dict[str, Any]:
    try:
        if not isinstance(item, dict):
            raise invalid([(at, "must be an object")])
        asked = read(BatchItem, item, at)
        order = _order(asked, here, who, check_key(asked.idempotency_key), request, at)
        return _accepted(await here.intake.place(order), sockets)
    except KeyReused:
        return KEY_REUSED.as_dict(request)
    except BookAway:
        return book_away().as_dict(request)
    except Problem as problem:
        return problem.as_dict(request)


def _symbol(here: Parts, token: str | None, name: str) -> str | None:
    if token is None:
        return None
    try:
        return here.markets.token(token).symbol
    except DexError as error:
        raise Problem(422, "invalid_request", error.detail, errors=[(f"/query/{name}", error.detail)]) from None


def _known_venue(here: Parts, venue: str | None) -> str | None:
    if venue is not None and venue not in here.router.names:
        raise Problem(422, "invalid_request", f"The venue must be one of: {', '.join(here.router.names)}.")
    return venue
