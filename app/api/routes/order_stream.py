"""The story of one order as it happens: over a WebSocket, or as Server-Sent Events."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated
from uuid import UUID

from fastapi import Header, Query, Request, WebSocket
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState

from app.access.authentication import Caller, ForeignOrigin, NotAllowed
from app.access.connection_limit import TooManyConnections
from app.api.context import ApiContext, authenticate, context
from app.api.fast_routes import SocketRouter
from app.api.problems import Problem, needs_upgrade, unknown_order
from app.api.schemas import Event
from app.api.spec.openapi import OrderId, problems
from app.api.validation import order_uuid, sequence_number
from app.api.views import as_json
from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import Subscriber, SubscriberClosed
from app.postgres import DatabaseUnavailable

log = logging.getLogger("engine.streams")

router = SocketRouter(prefix="/api/orders", tags=["streams"])

DONE, GOING_AWAY, OVERLOADED = 1000, 1001, 1013
BAD_REQUEST, NOT_ALLOWED, UNKNOWN, TOO_SLOW, TOO_MANY = 4400, 4401, 4404, 4408, 4429
REVOKED = "the API key was revoked"
SEND_SECONDS = 10.0  # a reader that takes longer for one frame is too slow; it may come back with `after`
GOODBYE_SECONDS = 30.0  # for such a reader to hear why it was closed
KEEPALIVE_SECONDS = 15.0

Frames = Callable[[Iterable[EventMessage]], list[str]]


def plain(items: Iterable[EventMessage]) -> list[str]:
    return [item.body.decode() for item in items]


@router.websocket("/execute")
async def watch(socket: WebSocket) -> None:
    """Everything that has happened to `orderId` after event number `after`, then all that happens; then 1000."""
    await stream_order(socket, socket.query_params.get("orderId", ""))


async def stream_order(socket: WebSocket, order_id: str, frames: Frames = plain) -> None:
    """One order's story on a socket, in whatever frames a client expects."""
    await socket.accept()
    ctx = context(socket)
    try:
        order, after = order_uuid(order_id), sequence_number(socket.query_params.get("after"))
        caller = ctx.authenticator.authenticate_socket(socket, str(order))
        ctx.connections.check(caller.owner)
    except ForeignOrigin:
        return await socket.close(NOT_ALLOWED, "sockets are not opened from this origin")
    except DatabaseUnavailable:
        return await socket.close(OVERLOADED, "the database does not answer; come back with after=")
    except NotAllowed:
        return await socket.close(NOT_ALLOWED, "an API key or a ticket is needed")
    except Problem as problem:
        code = UNKNOWN if problem.status == 404 else BAD_REQUEST
        return await socket.close(code, problem.detail)
    except TooManyConnections as error:
        return await socket.close(*too_many(error))
    began, telling = time.monotonic(), _Telling(socket, frames)
    with (
        ctx.connections.taken(caller.owner),
        ctx.feed.subscriber(owner=caller.owner) as subscriber,
        ctx.authenticator.while_allowed(caller, subscriber.close),
        ctx.presence.watching(str(order)) as watcher,
    ):
        log.info("socket opened", extra={"order": str(order), "socket": watcher.id, "after": after})
        code, reason = await _tell(telling, subscriber, ctx, order, after)
    log.info(
        "socket closed",
        extra={
            "order": str(order),
            "socket": watcher.id,
            "code": code,
            "sent": telling.sent,
            "lag_ms": round(telling.lag * 1000, 2),
            "seconds": round(time.monotonic() - began, 3),
        },
    )
    await say_goodbye(socket, code, reason)


def too_many(error: TooManyConnections) -> tuple[int, str]:
    """The close code, and the reason."""
    return (TOO_MANY, "too many sockets of yours") if error.of_owner else (OVERLOADED, "too many sockets")


async def say_goodbye(socket: WebSocket, code: int, reason: str) -> None:
    """The close code follows what was sent before: one who does not read will not see it, nor hold anything here."""
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        if socket.client_state is WebSocketState.CONNECTED:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await socket.close(code, reason)


class _Telling:
    """The way to one client, and how much went down it."""

    def __init__(self, socket: WebSocket, frames: Frames) -> None:
        self.socket = socket
        self.sent = 0
        self.lag = 0.0  # the longest that something heard waited until it was sent, in seconds
        self._frames = frames

    async def tell(self, items: Iterable[EventMessage]) -> None:
        for frame in self._frames(items):
            async with asyncio.timeout(SEND_SECONDS):
                await self.socket.send_text(frame)
            self.sent += 1


async def _tell(telling: _Telling, subscriber: Subscriber, ctx: ApiContext, order: UUID, after: int) -> tuple[int, str]:
    """Tell the story to its end; the close code and the reason."""
    leaving = asyncio.ensure_future(_left(telling.socket))
    story = asyncio.ensure_future(_story(telling, subscriber, ctx, order, after))
    try:
        await asyncio.wait({leaving, story}, return_when=asyncio.FIRST_COMPLETED)
        return story.result() if story.done() else leaving.result()
    except (WebSocketDisconnect, RuntimeError):  # it went away while we spoke
        return GOING_AWAY, "gone"
    except TimeoutError:
        return TOO_SLOW, "too slow; come back with after="
    except SubscriberClosed:
        return NOT_ALLOWED, REVOKED
    except DatabaseUnavailable:
        return OVERLOADED, "the database does not answer; come back with after="
    finally:
        for task in (leaving, story):
            task.cancel()
        await asyncio.gather(leaving, story, return_exceptions=True)


async def _story(
    telling: _Telling, subscriber: Subscriber, ctx: ApiContext, order: UUID, after: int
) -> tuple[int, str]:
    admitted = await ctx.feed.replay(subscriber, order, after)
    if admitted is None:
        return UNKNOWN, "there is no such order"
    await telling.tell(admitted.log)
    if not admitted.ended:
        ended = False
        while not ended:
            items = await ctx.feed.next_events(subscriber)
            await telling.tell(items)
            telling.lag = max(telling.lag, time.monotonic() - subscriber.received_at)
            ended = items[-1].terminal
    return DONE, "the order has ended"


async def _left(socket: WebSocket) -> tuple[int, str]:
    """Until the client goes. What it says meanwhile means nothing here."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return message.get("code") or GOING_AWAY, "gone"


@router.get(
    "/{order_id}/events",
    summary="The log of an order",
    responses={
        200: {
            "model": list[Event],
            "description": "All events so far; with `Accept: text/event-stream` a stream that ends with the order",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "As a stream only: the order has ended, and you have seen it all"},
        **problems(401, 404, 422, 429, 503),
    },
)
async def events(
    request: Request,
    order_id: OrderId,
    after: Annotated[str | None, Query(description="Only what comes after this `seq`")] = None,
    last_event_id: Annotated[str | None, Header(description="As `after`, which it outdoes")] = None,
) -> Response:
    """Only what comes after event number `after` (or `Last-Event-ID`, for a stream that is taken up again)."""
    ctx, caller, wanted = context(request), authenticate(request), order_uuid(order_id)
    seen = sequence_number(last_event_id or after)
    order = await ctx.reader.order(wanted, caller.owner)
    if order is None:
        raise unknown_order()
    if "text/event-stream" not in request.headers.get("accept", ""):
        return as_json([event.as_dict() for event in await ctx.reader.log(wanted, seen)])
    if order.is_terminal and seen >= order.seq:
        return Response(status_code=204)  # tells an EventSource, which comes back after every end, to stay away
    try:
        ctx.connections.check(caller.owner)
    except TooManyConnections as error:
        status = 429 if error.of_owner else 503
        headers = {"Retry-After": "10"}
        raise Problem(status, "too_many_streams", "Too many streams.", retryable=True, headers=headers) from None
    return StreamingResponse(
        _event_source(ctx, caller, wanted, seen),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _event_source(ctx: ApiContext, caller: Caller, order: UUID, after: int) -> AsyncIterator[bytes]:
    # Cut off without its database or with its key: whoever listens comes back with the last id, and is told.
    with (
        contextlib.suppress(DatabaseUnavailable, SubscriberClosed, TooManyConnections),
        ctx.connections.taken(caller.owner),
        ctx.feed.subscriber(owner=caller.owner) as subscriber,
        ctx.authenticator.while_allowed(caller, subscriber.close),
    ):
        admitted = await ctx.feed.replay(subscriber, order, after)
        if admitted is None:
            return
        yield _as_source(admitted.log)
        ended = admitted.ended
        while not ended:
            try:
                async with asyncio.timeout(KEEPALIVE_SECONDS):
                    items = await ctx.feed.next_events(subscriber)
            except TimeoutError:
                yield b": still here\n\n"
                continue
            yield _as_source(items)
            ended = items[-1].terminal


def _as_source(items: Iterable[EventMessage]) -> bytes:
    return b"".join(b"id: %d\ndata: %s\n\n" % (item.seq, item.body) for item in items)


@router.get("/{order_id}/ws", include_in_schema=False)
@router.get("/{order_id}/status", include_in_schema=False)
async def socket_path() -> Response:
    raise needs_upgrade()
