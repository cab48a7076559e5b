"""Placing one order, from a POST or from a message on a socket, and the answer to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar
from uuid import UUID

import orjson
from fastapi import Request, WebSocket
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from app.access.authentication import Caller, NotAllowed
from app.api import refusals, sockets
from app.api.admission import admit, count_invalid, may_be_invalid, may_look_up, may_read
from app.api.context import authenticate, context, refused, socket_urls
from app.api.dialects.bodies import TranslatedBody, translate
from app.api.json_body import parse
from app.api.orders.bodies import shape_of
from app.api.problems import Problem, database_unavailable, invalid, key_reused, not_allowed, request_id
from app.api.sockets import Close
from app.api.validation import check_key, idempotency_key_in, read, to_order, with_condition
from app.api.views import as_json, links, waiting_view
from app.orders import intake
from app.orders.lifecycle import Status
from app.orders.model import KeyReused, OrderForgotten
from app.postgres.errors import DatabaseUnavailable

FIRST_MESSAGE_SECONDS = 10.0
MESSAGES = {Status.OPEN: "Order waits for its condition"}

SocketUrl = Callable[[UUID], str]
Made = TypeVar("Made")


async def place_one(request: Request, fields: dict[str, Any]) -> Response:
    """Place one order, from a body in any dialect."""
    if "idempotencyKey" in fields:
        raise invalid([("/idempotencyKey", "unknown field; send the key in the header Idempotency-Key")])
    key, caller, translated = idempotency_key_in(request.scope), authenticate(request), translate(fields)
    accepted = await place(request, caller, translated, key)
    return accepted_response(accepted, socket_urls(request, caller), translated.echo)


async def place(
    connection: HTTPConnection, caller: Caller, translated: TranslatedBody, key: str | None
) -> intake.Accepted:
    """Every order that comes alone is placed here: from a POST, or from a message on a socket."""
    ctx = context(connection)
    try:
        body = read(shape_of(translated.fields), translated.fields)
        asked = to_order(body, ctx, caller=caller, idempotency_key=key, request_id=request_id(connection))
    except Problem as problem:
        raise translated.with_client_names(problem) from None
    try:
        order = with_condition(asked, body, ctx)
        await admit(connection, caller, 1)
    except Problem as problem:
        translated.with_client_names(problem)
        return await made_before(connection, caller, key, problem, lambda: ctx.intake.placed_before(asked))
    return await refusals.place(ctx, order)


async def made_before(
    connection: HTTPConnection,
    caller: Caller,
    key: str | None,
    refusal: Problem,
    find: Callable[[], Awaitable[Made | None]],
) -> Made:
    """What an earlier request with this key made, whatever refuses a new one now: the market, the clock, a limit or the
    kill switch. The answer to that request may have been lost, and its sender has to learn that there is an order.

    Raises `refusal` if there is none.
    """
    may_be_repeat(connection, caller, key, refusal)
    return await found_before(refusal, find)


def may_be_repeat(connection: HTTPConnection, caller: Caller, key: Any, refusal: Problem) -> None:
    """Raises `refusal` if an earlier request is not to be looked for; that counts as a read."""
    if key is None or (refusal.retryable and not may_look_up(connection, caller)):
        raise refusal
    if not refusal.retryable:
        may_read(connection, caller)


async def found_before(refusal: Problem, find: Callable[[], Awaitable[Made | None]]) -> Made:
    try:
        found = await find()
    except KeyReused:
        raise key_reused() from None
    except OrderForgotten as error:
        raise refusals.order_forgotten(error, retryable=refusal.retryable) from None
    except DatabaseUnavailable:
        raise (refusal if refusal.retryable else database_unavailable()) from None
    if found is None:
        raise refusal
    return found


def accepted_response(accepted: intake.Accepted, socket_url: SocketUrl, echo: Mapping[str, Any]) -> Response:
    """The answer to one placed order. `echo`: fields that the client's dialect repeats."""
    view = {**accepted_view(accepted, socket_url), **echo}
    return as_json(view, 200 if view["idempotent"] else 202, {"Location": f"/api/orders/{view['orderId']}"})


def accepted_view(accepted: intake.Accepted, socket_url: SocketUrl) -> dict[str, Any]:
    placed, waiting = accepted.placed, accepted.waiting
    condition, extreme = placed.condition, None
    if condition is None and waiting is not None:
        condition = waiting.condition
        extreme = None if waiting.trigger is None else waiting.trigger.extreme or None
    urls = links(placed.order, socket_url)
    return {
        "success": True,
        "orderId": str(placed.order),
        "status": placed.status,
        "message": MESSAGES.get(placed.status, "Order queued successfully"),
        **urls,
        "websocketUrl": urls["wsUrl"],
        "createdAt": placed.created_at,
        "idempotent": placed.idempotent,
        "startsInMs": accepted.starts_in_ms,
        **({} if condition is None else waiting_view(condition, None if waiting is None else waiting.price, extreme)),
    }


async def place_from_first_message(socket: WebSocket) -> UUID | Close:
    """The order that was placed. The client gets the same answer as to a POST; after a problem it is closed."""
    try:
        async with asyncio.timeout(FIRST_MESSAGE_SECONDS):
            body = await _first_message(socket)
    except TimeoutError:
        return sockets.NO_MESSAGE
    await context(socket).authenticator.catch_up()
    try:
        # The key may have been revoked since the socket was opened, or have expired.
        caller = context(socket).authenticator.authenticate_socket(socket.scope, sockets.NO_TICKET)
    except NotAllowed as error:
        refused(socket.scope, not_allowed(error).code)
        return sockets.KEY_ENDED
    await context(socket).feed.turns.next(
        caller.owner
    )  # to say what is wrong with an order takes up to two milliseconds
    try:
        may_be_invalid(socket, caller)
        return await _place(socket, caller, body)
    except Problem as problem:
        count_invalid(socket, caller, problem.status)
        await sockets.send(socket, orjson.dumps(problem.as_dict(request_id(socket))).decode())
        return sockets.close_for(problem)


async def _first_message(socket: WebSocket) -> bytes:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or sockets.CLIENT_LEFT.code)
        if not sockets.is_ping(message):
            return message.get("bytes") or (message.get("text") or "").encode()
        await sockets.send(socket, sockets.PONG)


async def _place(socket: WebSocket, caller: Caller, body: bytes) -> UUID:
    fields = parse(body)
    key = idempotency_key_in(socket.scope)
    if "idempotencyKey" in fields:
        if key is not None:
            raise Problem(
                422, "invalid_key", "Send the Idempotency-Key in the handshake or in the message, not in both."
            )
        key = fields.pop("idempotencyKey")
    translated = translate(fields)
    accepted = await place(socket, caller, translated, check_key(key if key is None or isinstance(key, str) else ""))
    view = accepted_view(accepted, socket_urls(socket, caller)) | dict(translated.echo)
    await sockets.send(socket, orjson.dumps(view, option=orjson.OPT_UTC_Z).decode())
    return accepted.placed.order
