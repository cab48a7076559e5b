"""Many orders on one socket: those named, or all of mine, from now on."""

import asyncio
import logging
import time
from collections.abc import MutableMapping
from typing import Any
from uuid import UUID

import orjson
from fastapi import WebSocket
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from app.access.authentication import ForeignOrigin, NotAllowed
from app.access.connection_limit import TooManyConnections
from app.access.tickets import STREAM
from app.api.context import ApiContext, context
from app.api.fast_routes import SocketRouter
from app.api.json_body import parse
from app.api.problems import Problem, needs_upgrade
from app.api.routes import order_stream
from app.api.routes.order_stream import GOING_AWAY, NOT_ALLOWED, OVERLOADED, REVOKED, TOO_SLOW, say_goodbye, too_many
from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import Subscriber, SubscriberClosed
from app.postgres import DatabaseUnavailable

MAX_ORDERS = 1_000  # named on one socket, or alive when "all" is asked for
MAX_WAITING = 4_096
PER_TURN = 100  # frames; while a client takes all, sending never waits, and so would let nobody else run

log = logging.getLogger("engine.streams")

router = SocketRouter(prefix="/api", tags=["streams"])


class _NotAnOp(Exception):
    """What the client sent is not an operation; the message says what is."""


@router.get("/stream", include_in_schema=False)
async def stream_needs_upgrade() -> Response:
    raise needs_upgrade()


@router.websocket("/stream")
async def stream(socket: WebSocket) -> None:
    """`{"op":"subscribe","orders":[…] | "all","after":{orderId: seq}}`, again for more; only the client closes it."""
    await socket.accept()
    ctx = context(socket)
    try:
        caller = ctx.authenticator.authenticate_socket(socket, STREAM)
        owner = caller.owner
        ctx.connections.check(owner)
    except ForeignOrigin:
        return await socket.close(NOT_ALLOWED, "sockets are not opened from this origin")
    except DatabaseUnavailable:
        return await socket.close(OVERLOADED, "the database does not answer; come back in a moment")
    except NotAllowed:
        return await socket.close(NOT_ALLOWED, "an API key or a ticket is needed")
    except TooManyConnections as error:
        return await socket.close(*too_many(error))
    began = time.monotonic()
    with (
        ctx.connections.taken(owner),
        ctx.feed.subscriber(owner=owner, most=MAX_WAITING) as subscriber,
        ctx.authenticator.while_allowed(caller, subscriber.close),
    ):
        log.info("stream opened", extra={"owner": owner})
        conversation = _Conversation(socket, ctx, subscriber, owner)
        code, reason = await conversation.hold()
    seconds = round(time.monotonic() - began, 3)
    log.info("stream closed", extra={"owner": owner, "code": code, "sent": conversation.sent, "seconds": seconds})
    await say_goodbye(socket, code, reason)


class _Conversation:
    """What the client asks and what happens, told by one task, so that nothing overtakes anything."""

    def __init__(self, socket: WebSocket, ctx: ApiContext, subscriber: Subscriber, owner: str) -> None:
        self._socket = socket
        self._ctx = ctx
        self._subscriber = subscriber
        self._owner = owner
        self.sent = 0

    async def hold(self) -> tuple[int, str]:
        said = asyncio.ensure_future(self._socket.receive())
        news = asyncio.ensure_future(self._ctx.feed.next_events(self._subscriber))
        try:
            while True:
                await asyncio.wait({said, news}, return_when=asyncio.FIRST_COMPLETED)
                if news.done():
                    await self._tell(news.result())
                    news = asyncio.ensure_future(self._ctx.feed.next_events(self._subscriber))
                if said.done():
                    if (message := said.result())["type"] == "websocket.disconnect":
                        return GOING_AWAY, "gone"
                    # One thing at a time: what is asked for now begins with its log.
                    news.cancel()
                    await asyncio.gather(news, return_exceptions=True)
                    if not news.cancelled():
                        await self._tell(news.result())
                    await self._answer(message)
                    news = asyncio.ensure_future(self._ctx.feed.next_events(self._subscriber))
                    said = asyncio.ensure_future(self._socket.receive())
        except (WebSocketDisconnect, RuntimeError):
            return GOING_AWAY, "gone"
        except TimeoutError:
            return TOO_SLOW, "too slow; come back with after"
        except SubscriberClosed:
            return NOT_ALLOWED, REVOKED
        finally:
            for task in (said, news):
                task.cancel()
            await asyncio.gather(said, news, return_exceptions=True)

    async def _answer(self, message: MutableMapping[str, Any]) -> None:
        try:
            orders, after = _subscription(message)
            await (self._all(after) if orders is None else self._these(orders, after))
        except _NotAnOp as error:
            await self._send({"type": "error", "code": "bad_request", "detail": str(error)})
        except DatabaseUnavailable:
            detail = "the database does not answer: subscribe again in a moment"
            await self._send({"type": "error", "code": "database_unavailable", "detail": detail})

    async def _these(self, orders: list[UUID], after: dict[UUID, int]) -> None:
        new = {order: after.get(order, 0) for order in orders if str(order) not in self._subscriber.heard}
        if len(self._subscriber.heard) + len(new) > MAX_ORDERS:
            raise _NotAnOp(f"one socket follows at most {MAX_ORDERS} named orders")
        log = await self._ctx.feed.replay_many(self._subscriber, new)
        for order in orders:
            if str(order) not in self._subscriber.heard:
                await self._send({"type": "error", "code": "unknown_order", "orderId": str(order)})
        known = [str(order) for order in orders if str(order) in self._subscriber.heard]
        await self._send({"type": "subscribed", "orders": known})
        await self._tell(log)

    async def _all(self, after: dict[UUID, int]) -> None:
        """My orders that have not ended, and every later one; named in `after`: also those that have.

        One that was placed and ended within the two seconds before may be told too: the feed looks back that far.
        """
        await self._ctx.feed.follow_owner(self._subscriber, self._owner)
        alive = await self._ctx.reader.unfinished(self._owner, MAX_ORDERS)
        wanted = {order: after.get(order, 0) for order in [*alive, *after] if str(order) not in self._subscriber.heard}
        log = await self._ctx.feed.replay_many(self._subscriber, wanted)
        await self._send({"type": "subscribed", "orders": "all"})
        await self._tell(log)

    async def _tell(self, items: list[EventMessage]) -> None:
        for told, item in enumerate(items, 1):
            if told % PER_TURN == 0:
                await asyncio.sleep(0)
            async with asyncio.timeout(order_stream.SEND_SECONDS):
                await self._socket.send_text('{"type":"event",' + item.body[1:].decode())
            self.sent += 1
            if item.terminal:
                self._ctx.feed.unfollow(self._subscriber, item.order)

    async def _send(self, frame: dict[str, Any]) -> None:
        async with asyncio.timeout(order_stream.SEND_SECONDS):
            await self._socket.send_text(orjson.dumps(frame).decode())


def _subscription(message: MutableMapping[str, Any]) -> tuple[list[UUID] | None, dict[UUID, int]]:
    """The orders asked for (None: all), and the last event seen of each."""
    usage = 'say {"op":"subscribe","orders":[orderId, …] or "all","after":{orderId: seq}}'
    try:
        fields = parse((message.get("text") or "").encode())
    except (Problem, UnicodeEncodeError):
        raise _NotAnOp(usage) from None
    orders, after = fields.get("orders"), fields.get("after", {})
    if fields.get("op") != "subscribe" or not isinstance(after, dict) or set(fields) - {"op", "orders", "after"}:
        raise _NotAnOp(usage)
    try:
        seen = {UUID(order): seq for order, seq in after.items() if type(seq) is int and 0 <= seq < 10**9}
        if orders != "all" and not isinstance(orders, list):
            raise TypeError("neither a list nor all")
        wanted = None if orders == "all" else [UUID(order) for order in orders]
    except (TypeError, ValueError, AttributeError):
        raise _NotAnOp(usage) from None
    if len(seen) != len(after):
        raise _NotAnOp(usage)
    return wanted, seen
