"""What all WebSocket routes share: who may open one, what each close code means, and how long a send may take."""

import asyncio
import contextlib
from collections.abc import Coroutine, MutableMapping
from typing import Any, NamedTuple, TypeVar

import orjson
from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from app.access.authentication import Caller, ExpiredKey, InvalidKey, NotAllowed
from app.access.connection_limit import TooManyConnections
from app.access.origins import ForeignHost, ForeignOrigin
from app.api.context import context, refused
from app.api.problems import Problem, foreign_host, foreign_origin, not_allowed, read_only_key
from app.orders.events.subscriber import EventsLost, FollowsTooMuch, LogDeleted, SubscriberClosed
from app.postgres.errors import DatabaseUnavailable
from app.tasks import within

Result = TypeVar("Result")

SEND_SECONDS = 10.0  # for one frame; a client that takes longer is closed with 4408, and can resume with `after`
CLOSE_SECONDS = 30.0  # for the close frame, which waits behind everything that was sent before
MAX_PING = 256  # characters
MAX_REASON = 123  # bytes that a close frame has room for
PONG = '{"type":"pong"}'
NO_TICKET = ""  # the scope of no ticket: only an API key opens the socket, and an order is placed on it


class Close(NamedTuple):
    """Why a socket is closed."""

    code: int
    reason: str


ORDER_ENDED = Close(1000, "the order has ended")
CLIENT_LEFT = Close(1001, "the client left")
DATABASE_DOWN = Close(1013, "the database is unavailable; reconnect and resume after the last event")
# app/web/stream.js looks for "lost events"
EVENTS_LOST = Close(
    1013, "the database may have lost events that were sent here; reconnect with after=0 for what holds now"
)
LOG_DELETED = Close(
    1013, "the log of an order was deleted while it was sent here; reconnect and resume after the last event"
)
SERVER_FULL = Close(1013, "the engine has too many open sockets; try again later")
FOREIGN_ORIGIN = Close(4401, "this origin may not open sockets")  # app/web/stream.js looks for the word "origin"
FOREIGN_HOST = Close(4401, "the engine does not answer to this host name; see ALLOWED_HOSTS")
NO_KEY = Close(4401, "an API key or a ticket is needed")
INVALID_KEY = Close(4401, "the API key or ticket is not valid")
KEY_EXPIRED = Close(4401, "the API key has expired")
KEY_ENDED = Close(4401, "the API key was revoked, or has expired")
READ_ONLY_KEY = Close(4401, "the API key may only read, and here an order is placed")
NO_MESSAGE = Close(4400, "no order arrived; send one as the first message, or connect with orderId")
UNKNOWN_PATH = Close(4404, "there is no socket at this path; use the wsUrl of the order")
UNKNOWN_ORDER = Close(4404, "there is no such order")
TOO_SLOW = Close(4408, "the client reads too slowly; reconnect and resume after the last event")
TOO_MANY_OF_OWNER = Close(4429, "you have too many open sockets")
TOO_MANY_FOLLOWED = Close(
    4429, "your streams follow too many orders together; close some, and resume after the last event"
)
TOO_MANY_READS = Close(4429, "you opened too many sockets in the last minute; reconnect later, after the last event")


def close_for(problem: Problem) -> Close:
    """4404 for an order that does not exist, 4429 above a limit, 1013 if the engine is unavailable, else 4400."""
    reason = problem.detail
    if len(reason.encode()) > MAX_REASON:
        reason = reason.encode()[: MAX_REASON - 3].decode(errors="ignore").rpartition(" ")[0] + "..."
    return Close({404: 4404, 429: 4429, 503: 1013}.get(problem.status, 4400), reason)


async def authenticate_or_close(socket: WebSocket, scope: str) -> Caller | None:
    """The caller of an accepted socket; None if it was refused, and is closed.

    Another task may take the last free slot at the next `await`: enter `connections.slot` before that.
    """
    ctx = context(socket)
    problem: Problem | None = None  # for the audit log
    await ctx.authenticator.catch_up()
    try:
        caller = ctx.authenticator.authenticate_socket(socket.scope, scope)
        ctx.connections.check(caller.owner)
        if scope != NO_TICKET or not caller.read_only:
            return caller
        refusal, problem = READ_ONLY_KEY, read_only_key()
    except ForeignHost:
        refusal, problem = FOREIGN_HOST, foreign_host()
    except ForeignOrigin:
        refusal, problem = FOREIGN_ORIGIN, foreign_origin()
    except NotAllowed as error:
        refusal, problem = _refusal_of(error), not_allowed(error)
    except DatabaseUnavailable:
        refusal = DATABASE_DOWN
    except TooManyConnections as error:
        refusal = TOO_MANY_OF_OWNER if error.of_owner else SERVER_FULL
    if problem is not None:
        refused(socket.scope, problem.code)
    await socket.close(*refusal)
    return None


def _refusal_of(error: NotAllowed) -> Close:
    match error:
        case ExpiredKey():
            return KEY_EXPIRED
        case InvalidKey():
            return INVALID_KEY
    return NO_KEY


def is_ping(message: MutableMapping[str, Any]) -> bool:
    """Whether it is `{"type":"ping"}`: legacy clients send it so that proxies keep the connection open."""
    text = message.get("text") or ""
    if not 0 < len(text) <= MAX_PING:
        return False
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and found.get("type") == "ping"


async def close_reason(conversation: Coroutine[Any, Any, Result]) -> Result | Close:
    """Its result; if it breaks off, the close code for that."""
    try:
        return await conversation
    except (WebSocketDisconnect, RuntimeError):  # Starlette raises either when the client leaves during a send
        return CLIENT_LEFT
    except TimeoutError:
        return TOO_SLOW
    except EventsLost:
        return EVENTS_LOST
    except LogDeleted:
        return LOG_DELETED
    except FollowsTooMuch:
        return TOO_MANY_FOLLOWED
    except SubscriberClosed:
        return KEY_ENDED
    except DatabaseUnavailable:
        return DATABASE_DOWN


async def send(socket: WebSocket, text: str) -> None:
    """Send one frame; `TimeoutError` if the client does not read."""
    await within(SEND_SECONDS, socket.send_text(text))


async def close_politely(socket: WebSocket, close: Close) -> None:
    """Close it, unless the client has left. A client that does not read is given up after `CLOSE_SECONDS`."""
    with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
        if socket.client_state is WebSocketState.CONNECTED:
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.close(*close)
