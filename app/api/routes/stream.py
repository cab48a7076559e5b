"""The events of many orders on one socket: of named orders, or of all orders of the caller."""

import asyncio
import logging
import time
from collections.abc import MutableMapping
from typing import Any
from uuid import UUID

import orjson
from fastapi import WebSocket
from starlette.responses import Response

from app.access.authentication import Caller
from app.access.tickets import STREAM
from app.api import sockets
from app.api.admission import may_read_log, turn_to_read
from app.api.context import ApiContext, context
from app.api.fast_routes import SocketRouter
from app.api.json_body import parse
from app.api.problems import Problem, needs_upgrade
from app.api.sockets import Close
from app.logs import info
from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import Subscriber
from app.postgres.errors import DatabaseUnavailable

MAX_ORDERS = 1_000  # named on one socket and not ended, or unfinished when it subscribes to "all"
MAX_BUFFERED = 4_096  # events waiting for one socket; what is beyond is read from Postgres
# While a client reads fast, sending never waits, and no other task would run. So it pauses after this many frames.
FRAMES_PER_TURN = 10

USAGE = 'send {"op":"subscribe","orders":[orderId, ...] or "all","after":{orderId: seq}}'

log = logging.getLogger("engine.streams")

router = SocketRouter(prefix="/api", tags=["streams"])


class _BadRequest(Exception):
    """The client sent no valid operation; the message says what is valid."""


@router.get("/stream", include_in_schema=False)
async def stream_needs_upgrade() -> Response:
    raise needs_upgrade()


@router.websocket("/stream")
async def stream(socket: WebSocket) -> None:
    """`{"op":"subscribe","orders":[...] | "all","after":{orderId: seq}}`, repeatable; stays open until you close it."""
    await socket.accept()
    caller = await sockets.authenticate_or_close(socket, scope=STREAM)
    if caller is None:
        return
    ctx, owner, began = context(socket), caller.owner, time.monotonic()
    with (
        ctx.connections.slot(owner),
        ctx.feed.subscriber(owner=owner, max_buffered=MAX_BUFFERED) as subscriber,
        ctx.authenticator.end_when_revoked(caller, subscriber.close),
    ):
        info(log, "stream opened", owner=owner)
        session = _StreamSession(socket, ctx, subscriber, caller)
        close = await sockets.close_reason(session.run())
    seconds = round(time.monotonic() - began, 3)
    info(log, "stream closed", owner=owner, code=close.code, sent=session.sent, seconds=seconds)
    await sockets.close_politely(socket, close)


class _StreamSession:
    """One socket: the client's subscriptions and the events of the orders it follows.

    One task sends everything, so that an answer and the events around it keep their order.
    """

    def __init__(self, socket: WebSocket, ctx: ApiContext, subscriber: Subscriber, caller: Caller) -> None:
        self.sent = 0  # events
        self._socket = socket
        self._ctx = ctx
        self._subscriber = subscriber
        self._caller = caller
        self._named: set[str] = set()  # some may have ended

    async def run(self) -> Close:
        """Until the client leaves."""
        request = asyncio.ensure_future(self._socket.receive())
        events = asyncio.ensure_future(self._ctx.feed.next_events(self._subscriber))
        try:
            while True:
                await asyncio.wait({request, events}, return_when=asyncio.FIRST_COMPLETED)
                if events.done():
                    await self._send_events(events.result())
                    events = asyncio.ensure_future(self._ctx.feed.next_events(self._subscriber))
                if request.done():
                    if (message := request.result())["type"] == "websocket.disconnect":
                        return sockets.CLIENT_LEFT
                    # A new subscription starts with the log of its orders. Live events wait until that is sent.
                    events.cancel()
                    await asyncio.gather(events, return_exceptions=True)
                    if not events.cancelled():
                        await self._send_events(events.result())
                    await self._answer(message)
                    events = asyncio.ensure_future(self._ctx.feed.next_events(self._subscriber))
                    request = asyncio.ensure_future(self._socket.receive())
        finally:
            for task in (request, events):
                task.cancel()
            await asyncio.gather(request, events, return_exceptions=True)

    async def _answer(self, message: MutableMapping[str, Any]) -> None:
        await self._ctx.feed.turns.next(self._caller.owner)  # to read one may take a millisecond
        try:
            orders, after = _subscription(message)
            await (self._follow_all(after) if orders is None else self._follow(orders, after))
        except _BadRequest as error:
            await self._send({"type": "error", "code": "bad_request", "detail": str(error)})
        except Problem as problem:  # too many reads of this caller are under way
            await self._send({"type": "error", "code": problem.code, "detail": problem.detail})
        except DatabaseUnavailable:
            detail = "the database is unavailable; subscribe again in a moment"
            await self._send({"type": "error", "code": "database_unavailable", "detail": detail})

    async def _follow(self, orders: list[UUID], after: dict[UUID, int]) -> None:
        new = {order: after.get(order, 0) for order in orders if not self._subscriber.follows(str(order))}
        self._named = set(filter(self._subscriber.awaits, self._named))
        if len(self._named) + len(new) > MAX_ORDERS:
            raise _BadRequest(f"one socket follows at most {MAX_ORDERS} named orders that have not ended")
        self._named.update(map(str, new))
        async with turn_to_read(self._socket, self._caller):
            ended = await self._ctx.feed.follow_many(self._subscriber, new, self._may_read)
        for order in orders:
            if not self._subscriber.follows(str(order)):
                await self._send({"type": "error", "code": "unknown_order", "orderId": str(order)})
        known = [str(order) for order in orders if self._subscriber.follows(str(order))]
        await self._send({"type": "subscribed", "orders": known})
        await self._send_ended(ended)

    async def _follow_all(self, after: dict[UUID, int]) -> None:
        """All unfinished orders of the owner, every later one, and those named in `after`, even if they have ended.

        Also an order that was placed and ended within the last two seconds may be sent: the feed looks back that far.
        """
        feed, subscriber, owner = self._ctx.feed, self._subscriber, self._caller.owner
        async with turn_to_read(self._socket, self._caller):
            # First, because what comes for others begins with 1.
            ended = await feed.follow_many(subscriber, after, self._may_read)
            await feed.follow_owner(subscriber, owner)
            unfinished = await self._ctx.reader.unfinished(owner, MAX_ORDERS)
            await feed.follow_many(subscriber, dict.fromkeys(unfinished, 0), self._may_read)
        await self._send({"type": "subscribed", "orders": "all"})
        await self._send_ended(ended)

    async def _send_ended(self, orders: list[str]) -> None:
        for order in orders:
            await self._send({"type": "ended", "orderId": order})

    def _may_read(self, events: int) -> None:
        may_read_log(self._socket, self._caller, events)

    async def _send_events(self, messages: list[EventMessage]) -> None:
        for count, message in enumerate(messages, 1):
            if count % FRAMES_PER_TURN == 0:
                await self._ctx.feed.turns.next(self._caller.owner)
            await sockets.send(self._socket, '{"type":"event",' + message.body[1:].decode())
            self.sent += 1
            if message.terminal:
                self._ctx.feed.unfollow(self._subscriber, message.order)

    async def _send(self, frame: dict[str, Any]) -> None:
        await sockets.send(self._socket, orjson.dumps(frame).decode())


def _subscription(message: MutableMapping[str, Any]) -> tuple[list[UUID] | None, dict[UUID, int]]:
    """The orders to follow (None: all), and the number of the last event that the client has of each."""
    try:
        fields = parse((message.get("text") or "").encode())
    except (Problem, UnicodeEncodeError):
        raise _BadRequest(USAGE) from None
    orders, after = fields.get("orders"), fields.get("after", {})
    if fields.get("op") != "subscribe" or not isinstance(after, dict) or set(fields) - {"op", "orders", "after"}:
        raise _BadRequest(USAGE)
    try:
        last_seen = {UUID(order): seq for order, seq in after.items() if type(seq) is int and 0 <= seq < 10**9}
        if orders != "all" and not isinstance(orders, list):
            raise TypeError("neither a list nor all")
        wanted = None if orders == "all" else [UUID(order) for order in orders]
    except (TypeError, ValueError, AttributeError):
        raise _BadRequest(USAGE) from None
    if len(last_seen) != len(after):
        raise _BadRequest(USAGE)
    return wanted, last_seen
