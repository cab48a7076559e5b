"""The paths of legacy clients. Each one calls the native API."""

from fastapi import Request, WebSocket
from starlette.responses import Response

from app.api import sockets
from app.api.admission import admit_read, may_read_log, read_body
from app.api.context import context
from app.api.dialects import frames
from app.api.fast_routes import SocketRouter
from app.api.placing import place_one
from app.api.problems import needs_upgrade, unknown_order
from app.api.routes import health, queue
from app.api.routes.order_stream import stream_order
from app.api.schemas import Accepted, Event
from app.api.spec.openapi import HISTORY_CLIENTS, KEY_PARAMETER, ORDER_CLIENTS, OrderId, body, problems
from app.api.validation import order_uuid
from app.api.views import NO_STORE

router = SocketRouter()
unknown = SocketRouter()
"""Has to be the last of all routers: it takes the sockets that no other takes."""

# Paths of other engines, which are in no document of this one.
SOCKETS = (
    *("/ws", "/ws/{order_id}", "/ws/orders/{order_id}"),
    *("/api/orders/ws", "/api/orders/ws/{order_id}", "/orders/{order_id}/status"),
)
ALIASES = {"/api/health": health.health, "/api/queue/stats": queue.queue}


@router.post(
    "/order",
    status_code=202,
    summary="Place a market order, slippage as a fraction or a percentage",
    tags=[ORDER_CLIENTS],
    responses={
        202: {"model": Accepted, "description": "Durable and queued; open /order/{orderId} as a WebSocket"},
        200: {"model": Accepted, "description": "An earlier request with this key placed the order"},
        **problems(400, 401, 403, 409, 413, 415, 422, 429, 503),
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
                "also one percent": {
                    "summary": "Above 0.05 it is a percentage",
                    "value": {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.0, "slippage": 1.0},
                },
            },
        ),
    },
)
async def order(request: Request) -> Response:
    """Like `POST /api/orders/execute`. Work starts now, not when a socket connects; the socket replays older events."""
    return await place_one(request, await read_body(request))


async def plain_get() -> Response:
    raise needs_upgrade()


async def status_socket(socket: WebSocket, order_id: str | None = None) -> None:
    """The events of an order, with `type`, `message`, `timestamp` and `detail`."""
    await stream_order(socket, order_id or socket.query_params.get("orderId", ""), frames.status_frames())


for path in ("/order/{order_id}", *SOCKETS):
    router.add_api_websocket_route(path, status_socket)
    router.add_api_route(path, plain_get, include_in_schema=False)
for path, endpoint in ALIASES.items():
    router.add_api_route(path, endpoint, include_in_schema=False)


@unknown.websocket("/{path:path}")
async def unknown_socket(socket: WebSocket, path: str) -> None:
    """Accepted, because a browser hides why a handshake was refused: it shows the code and the reason of a close."""
    await socket.accept()
    await socket.close(*sockets.UNKNOWN_PATH)


@router.websocket("/api/orders/{order_id}/ws")
async def venue_socket(socket: WebSocket, order_id: str) -> None:
    """The events of an order, with `venue`, and with prices and amounts as numbers."""
    await stream_order(socket, order_id, frames.venue_frames)


@router.websocket("/api/orders/{order_id}/status")
async def history_socket(socket: WebSocket, order_id: str) -> None:
    """All events so far in one `history` frame, then an `update` frame for each later event."""
    await stream_order(socket, order_id, frames.history_then_updates())


@router.get(
    "/api/orders/{order_id}/history",
    summary="The event log of an order, as a plain list",
    tags=[HISTORY_CLIENTS],
    responses={200: {"model": list[Event]}, **problems(401, 404, 429, 503)},
)
async def history(request: Request, order_id: OrderId) -> Response:
    """The same events in the same order as on every stream, with `timestamp` and `detail`."""
    ctx, order_uid, caller = context(request), order_uuid(order_id), admit_read(request)
    found = await ctx.reader.order(order_uid, caller.owner)
    if found is None:
        raise unknown_order()
    may_read_log(request, caller, found.seq)
    log = [frames.with_detail(event.as_json()) for event in await ctx.reader.log(order_uid)]
    return Response(b"[%b]" % b",".join(log), headers=NO_STORE, media_type="application/json")
