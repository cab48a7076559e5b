"""The paths of legacy clients. Each one calls the native API through `dialects.py`."""

from fastapi import Request, WebSocket
from starlette.responses import Response

from app.api import dialects
from app.api.admission import admit_read
from app.api.context import context
from app.api.fast_routes import SocketRouter
from app.api.json_body import read_object
from app.api.problems import needs_upgrade, unknown_order
from app.api.routes.order_stream import stream_order
from app.api.routes.place_order import place_one
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
        202: {"model": Accepted, "description": "Durable and queued; open /order/{orderId} as a WebSocket"},
        200: {"model": Accepted, "description": "An earlier request with this key placed the order"},
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
    """Like `POST /api/orders/execute`. Work starts now, not when a socket connects; the socket replays older events."""
    return await place_one(request, dialects.order_body(await read_object(request)))


@router.get("/order/{order_id}", include_in_schema=False)
async def order_needs_upgrade() -> Response:
    raise needs_upgrade()


@router.websocket("/order/{order_id}")
async def order_socket(socket: WebSocket, order_id: str) -> None:
    """The events of an order, the same as on `/api/orders/execute`."""
    await stream_order(socket, order_id)


@router.websocket("/api/orders/{order_id}/ws")
async def venue_socket(socket: WebSocket, order_id: str) -> None:
    """The events of an order, with `venue`, and with prices and amounts as numbers."""
    await stream_order(socket, order_id, dialects.venue_frames)


@router.websocket("/api/orders/{order_id}/status")
async def status_socket(socket: WebSocket, order_id: str) -> None:
    """All events so far in one `history` frame, then an `update` frame for each later event."""
    await stream_order(socket, order_id, dialects.history_then_updates())


@router.get(
    "/api/orders/{order_id}/history",
    summary="The event log of an order, as a plain list",
    tags=[HISTORY_CLIENTS],
    responses={200: {"model": list[Event]}, **problems(401, 404, 429, 503)},
)
async def history(request: Request, order_id: OrderId) -> Response:
    """The same events in the same order as on every stream."""
    ctx, order_uid = context(request), order_uuid(order_id)
    if await ctx.reader.order(order_uid, admit_read(request).owner) is None:
        raise unknown_order()
    return as_json([event.as_dict() for event in await ctx.reader.log(order_uid)])
