"""The event log of one order, live: over a WebSocket, or as Server-Sent Events."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Header, Query, Request, WebSocket
from starlette.responses import Response, StreamingResponse

from app.access.authentication import Caller
from app.access.connection_limit import TooManyConnections
from app.api import sockets
from app.api.admission import admit_read, may_read, may_read_log
from app.api.context import ApiContext, context
from app.api.dialects.frames import ExecuteFrames, Frames
from app.api.fast_routes import SocketRouter
from app.api.placing import place_from_first_message
from app.api.problems import Problem, needs_upgrade, unknown_order
from app.api.schemas import Event
from app.api.sockets import Close
from app.api.spec.openapi import OrderId, problems
from app.api.validation import order_uuid, sequence_number
from app.api.views import as_json
from app.logs import info
from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import Subscriber, SubscriberClosed
from app.postgres.errors import DatabaseUnavailable

log = logging.getLogger("engine.streams")

router = SocketRouter(prefix="/api/orders", tags=["streams"])

KEEPALIVE_SECONDS = 15.0


@router.websocket("/execute")
async def execute_socket(socket: WebSocket) -> None:
    """All events of `orderId` after number `after`: first those so far, then each new one. Ends with 1000.

    Without `orderId` the first message is an order to place, and its events follow.
    """
    if "orderId" in socket.query_params:
        await stream_order(socket, socket.query_params["orderId"], ExecuteFrames())
    else:
        await _place_and_stream(socket)


async def stream_order(socket: WebSocket, order_id: str, frames: Frames) -> None:
    """The event log of one order on a socket, in the frames that the client's dialect expects."""
    await socket.accept()
    try:
        order, after = order_uuid(order_id), sequence_number(socket.query_params.get("after"))
    except Problem as problem:
        return await socket.close(*sockets.close_for(problem))
    caller = await sockets.authenticate_or_close(socket, scope=str(order))
    if caller is None:
        return
    try:
        may_read(socket, caller)  # the socket starts with the events so far
    except Problem:
        return await socket.close(*sockets.TOO_MANY_READS)
    with context(socket).connections.slot(caller.owner):
        await _follow(socket, caller, order, after, frames)


async def _place_and_stream(socket: WebSocket) -> None:
    await socket.accept()
    caller = await sockets.authenticate_or_close(socket, scope=sockets.NO_TICKET)
    if caller is None:
        return
    with context(socket).connections.slot(caller.owner):
        placed = await sockets.close_reason(place_from_first_message(socket))
        if isinstance(placed, Close):
            return await sockets.close_politely(socket, placed)
        await _follow(socket, caller, placed, 0, ExecuteFrames())


async def _follow(socket: WebSocket, caller: Caller, order: UUID, after: int, frames: Frames) -> None:
    ctx = context(socket)
    began, stream = time.monotonic(), _OrderStream(socket, caller, order, frames)
    with (
        ctx.feed.subscriber(owner=caller.owner) as subscriber,
        ctx.authenticator.end_when_revoked(caller, subscriber.close),
        ctx.presence.watching(str(order)) as watcher,
    ):
        info(log, "socket opened", order=str(order), socket=watcher.id, after=after)
        close = await sockets.close_reason(stream.run(subscriber, after))
    info(
        log,
        "socket closed",
        order=str(order),
        socket=watcher.id,
        code=close.code,
        sent=stream.sent,
        lag_ms=round(stream.lag * 1000, 2),
        seconds=round(time.monotonic() - began, 3),
    )
    await sockets.close_politely(socket, close)


class _OrderStream:
    """Sends the event log of one order to one socket."""

    def __init__(self, socket: WebSocket, caller: Caller, order: UUID, frames: Frames) -> None:
        self.sent = 0  # frames
        self.lag = 0.0  # seconds: the longest time between receiving a live event and having sent it
        self._last_before = 0  # the number of the last event that had happened when the socket was opened
        self._socket, self._feed = socket, context(socket).feed
        self._caller, self._order, self._frames = caller, order, frames

    async def run(self, subscriber: Subscriber, after: int) -> Close:
        """Until the order has ended or the client has left."""
        receiving = asyncio.ensure_future(self._until_client_leaves())
        receiving.add_done_callback(lambda _: subscriber.close())
        try:
            return await self._send_log(subscriber, after)
        except SubscriberClosed:
            if receiving.done():
                return receiving.result()
            raise
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)

    async def _send_log(self, subscriber: Subscriber, after: int) -> Close:
        """An event in a variable here would be memory of each open socket."""
        try:
            ended = await self._send_replay(subscriber, after)
        except Problem:
            return sockets.TOO_MANY_READS
        if ended is None:
            return sockets.UNKNOWN_ORDER
        while not ended:
            ended = await self._send_next(subscriber)
        return sockets.ORDER_ENDED

    async def _send_replay(self, subscriber: Subscriber, after: int) -> bool | None:
        replay = await self._feed.replay(subscriber, self._order, after)
        if replay is None:
            return None
        may_read_log(self._socket, self._caller, replay.last - after)
        self._last_before = replay.last
        self._socket.scope.clear()  # nothing reads it from here on, and it has the headers of the handshake
        await self._send(replay.log)
        return replay.ended

    async def _send_next(self, subscriber: Subscriber) -> bool:
        messages = await self._feed.next_events(subscriber)
        await self._send(messages)
        self.lag = max(self.lag, time.monotonic() - subscriber.received_at)
        return messages[-1].terminal

    async def _send(self, messages: Sequence[EventMessage]) -> None:
        more = bool(messages) and messages[-1].seq < self._last_before
        for frame in self._frames(messages, more):
            await sockets.send(self._socket, frame)
            self.sent += 1

    async def _until_client_leaves(self) -> Close:
        """Messages from the client are ignored, except for a ping."""
        while True:
            message = await self._socket.receive()
            if sockets.is_ping(message):
                await sockets.send(self._socket, sockets.PONG)
            if message["type"] == "websocket.disconnect":
                return sockets.CLIENT_LEFT._replace(code=message.get("code") or sockets.CLIENT_LEFT.code)


@router.get(
    "/{order_id}/events",
    summary="The event log of an order",
    responses={
        200: {
            "model": list[Event],
            "description": "All events so far; with `Accept: text/event-stream` a stream that ends with the order",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "Only for a stream: the order has ended, and you have received all of its events"},
        **problems(401, 404, 422, 429, 503),
    },
)
async def events(
    request: Request,
    order_id: OrderId,
    after: Annotated[str | None, Query(description="Return only the events after this `seq`")] = None,
    last_event_id: Annotated[
        str | None, Header(description="The same as `after`; used instead of it if both are set")
    ] = None,
) -> Response:
    """The events after number `after`. To resume a stream, send its last event id as `Last-Event-ID`."""
    ctx, caller, order_uid = context(request), admit_read(request), order_uuid(order_id)
    last_seen = sequence_number(last_event_id or after)
    order = await ctx.reader.order(order_uid, caller.owner)
    if order is None:
        raise unknown_order()
    may_read_log(request, caller, order.seq - last_seen)
    if "text/event-stream" not in request.headers.get("accept", ""):
        return as_json([event.as_dict() for event in await ctx.reader.log(order_uid, last_seen)])
    if order.is_terminal and last_seen >= order.seq:
        return Response(status_code=204)  # an EventSource reconnects after every end; 204 makes it stop
    try:
        ctx.connections.check(caller.owner)
    except TooManyConnections as error:
        detail = "Too many open streams. Close some, or try again later."
        status, headers = 429 if error.of_owner else 503, {"Retry-After": "10"}
        raise Problem(status, "too_many_streams", detail, retryable=True, headers=headers) from None
    return StreamingResponse(
        _event_source(ctx, caller, order_uid, last_seen),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _event_source(ctx: ApiContext, caller: Caller, order: UUID, after: int) -> AsyncIterator[bytes]:
    # An event stream has no close code. If the database goes down or the key is revoked, it just ends: the client
    # reconnects with the last id, and gets the problem as the answer to that request.
    with (
        contextlib.suppress(DatabaseUnavailable, SubscriberClosed, TooManyConnections),
        ctx.connections.slot(caller.owner),
        ctx.feed.subscriber(owner=caller.owner) as subscriber,
        ctx.authenticator.end_when_revoked(caller, subscriber.close),
    ):
        replay = await ctx.feed.replay(subscriber, order, after)
        if replay is None:
            return
        yield _as_source(replay.log)
        ended = replay.ended
        while not ended:
            try:
                async with asyncio.timeout(KEEPALIVE_SECONDS):
                    messages = await ctx.feed.next_events(subscriber)
            except TimeoutError:
                yield b": keepalive\n\n"
                continue
            yield _as_source(messages)
            ended = messages[-1].terminal


def _as_source(messages: Iterable[EventMessage]) -> bytes:
    return b"".join(b"id: %d\ndata: %s\n\n" % (message.seq, message.body) for message in messages)


@router.get("/{order_id}/ws", include_in_schema=False)
@router.get("/{order_id}/status", include_in_schema=False)
async def socket_path() -> Response:
    raise needs_upgrade()
