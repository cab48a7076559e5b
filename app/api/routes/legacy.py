"""Addresses that older clients know. Each hands on to the one real API, in the words of `dialects.py`."""

from fastapi import Request, WebSocket
from starlette.responses import Response

from app.api import dialects
from app.api.context import authenticate, context
from app.api.fast_routes import SocketRouter
from app.api.json_body import read_object
from app.api.problems import needs_upgrade, unknown_order
from app.api.routes.order_stream import stream_order
from app.api.routes.place import place_one
from app.api.schemas import Accepted, Event
from app.api.spec.openapi import HISTORY_CLIENTS, KEY_PARAMETER, ORDER_CLIENTS, OrderId, body, problems
from app.api.validation import order_uuid
from app.api.views import as_json

router = SocketRouter()


@router.post(
    "/order",
    status_code=202,
    summary="Place a market order, slippage as a fraction",
    tags=[ORDER_CLIENTS],
    responses={
        202: {"model": Accepted, "description": "Durable and on its way; open /order/{orderId} as a WebSocket"},
        200: {"model": Accepted, "description": "This key had made the order before"},
        **problems(400, 401, 413, 415, 422, 429, 503),
    },
    openapi_extra={
        "parameters": [KEY_PARAMETER],
        **body(
            "OrderWithSlippage",
            {
                "one percent": {
                    "summary": "Sell 1.5 SOL, at most one percent below the quote",
                    "value": {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5, "slippage": 0.01},
                },
                "any price": {
                    "summary": "Sell 1 SOL at any price",
                    "value": {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.0, "slippage": 1.0},
                },
            },
        ),
    },
)
async def order(request: Request) -> Response:
    """As `POST /api/orders/execute`. Work begins now, not when a socket connects; the socket tells what it missed."""
    return await place_one(request, dialects.order_body(await read_object(request)))


@router.get("/order/{order_id}", include_in_schema=False)
async def order_is_a_socket() -> Response:
    raise needs_upgrade()


@router.websocket("/order/{order_id}")
async def watch_order(socket: WebSocket, order_id: str) -> None:
    """The events of an order, as on `/api/orders/execute`."""
    await stream_order(socket, order_id)


@router.websocket("/api/orders/{order_id}/ws")
async def watch_venue(socket: WebSocket, order_id: str) -> None:
    """The events of an order, with `venue`, and prices as numbers."""
    await stream_order(socket, order_id, dialects.venue_frames)


@router.websocket("/api/orders/{order_id}/status")
async def watch_status(socket: WebSocket, order_id: str) -> None:
    """What has happened to an order in one `history` frame, then an `update` for each event."""
    await stream_order(socket, order_id, dialects.history_then_updates())


@router.get(
    "/api/orders/{order_id}/history",
    summary="The log of an order, as a bare list",
    tags=[HISTORY_CLIENTS],
    responses={200: {"model": list[Event]}, **problems(401, 404, 503)},
)
async def history(request: Request, order_id: OrderId) -> Response:
    """The same events, in the same order, as every stream tells."""
    ctx, wanted = context(request), order_uuid(order_id)
    if await ctx.reader.order(wanted, authenticate(request).owner) is None:
        raise unknown_order()
    return as_json([event.as_dict() for event in await ctx.reader.log(wanted)])
