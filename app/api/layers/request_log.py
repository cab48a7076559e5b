"""Gives every request an id, logs it, counts it, and keeps pages of other origins from using the answer."""

import contextlib
import logging
import random
import re
import time
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.access.headers import headers_of
from app.access.origins import AT_ANY_HOST
from app.access.tickets import split_ticket
from app.api.admission import CORRECTABLE, count_invalid
from app.api.context import refused
from app.logs import info

Header = tuple[bytes, bytes]

log = logging.getLogger("engine.http")

INTERNAL_ERROR = 1011  # a close code

# No page may frame an answer: a click on an invisible frame of /docs would trade. No page of another origin may load it
# as a script or an image either; a fetch with CORS is not affected.
SECURITY_HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NO_FRAMES = (b"content-security-policy", b"frame-ancestors 'none'")
NO_STORE = (b"cache-control", b"no-store")
VARY = (b"vary", b"Origin")  # if the request has an origin, CORS answers it

_USABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestLog:
    """Pure ASGI, which costs a request a few microseconds."""

    def __init__(self, requests: ASGIApp, others: ASGIApp) -> None:
        self._requests = requests
        self._others = others

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        match scope["type"]:
            case "http":
                return self._request(scope, receive, send)
            case "websocket":
                return self._socket(scope, receive, send)
        return self._others(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        state = scope["state"]
        request_id = state["request_id"] = _id_of(headers)
        began, status = time.perf_counter(), 500

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _complete(message["headers"], headers, state)
            await send(message)

        try:
            await self._requests(scope, receive, with_headers)
        finally:
            if status in CORRECTABLE and "route" in scope:  # not a preflight that CORS refuses
                count_invalid(HTTPConnection(scope), state.get("caller"), status)
            elif status in (401, 403):
                refused(scope, state.get("problem", str(status)))
            seconds = time.perf_counter() - began
            # The template of the route, never the path: clients must not be able to invent label values.
            route = getattr(scope.get("route"), "path", "none")
            metrics.REQUESTS.labels(scope["method"] if route != "none" else "-", route, status).inc()
            metrics.SECONDS.labels(route).observe(seconds)
            if route not in _NOT_LOGGED:
                milliseconds = round(seconds * 1000, 2)
                info(log, f"{scope['method']} {route}", status=status, ms=milliseconds, request=request_id)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["query_string"], ticket = split_ticket(scope["query_string"])
        request_id = _id_of(headers_of(scope))
        scope["state"] |= {"ticket": ticket, "request_id": request_id}
        metrics.SOCKETS.inc()
        try:
            await self._others(scope, receive, send)
        except Exception:
            # `metrics.ERRORS` counts every error that is logged with a traceback, by type.
            log.exception("unhandled error on a socket", extra={"request": request_id})
            with contextlib.suppress(RuntimeError):  # it is already closed
                await send({"type": "websocket.close", "code": INTERNAL_ERROR, "reason": "internal error"})
        finally:
            metrics.SOCKETS.dec()


# Monitoring and open pages request these all the time.
_NOT_LOGGED = AT_ANY_HOST | {"/web/{path:path}", "/api/queue"}


def _id_of(headers: Mapping[bytes, bytes]) -> str:
    """The client's own id for the request, or a random one, which is no secret."""
    given = headers.get(b"x-request-id")
    return given.decode() if given and _USABLE_ID.fullmatch(given) else f"{random.getrandbits(64):016x}"


def _complete(answer: Sequence[Header], request: Mapping[bytes, bytes], state: Mapping[str, Any]) -> list[Header]:
    """The headers of an answer, with those that every answer has."""
    names, headers = {name for name, _ in answer}, [*answer, *SECURITY_HEADERS]
    if b"x-request-id" not in names:
        headers.append((b"x-request-id", state["request_id"].encode()))
    if b"origin" not in request:
        headers.append(VARY)
    if b"content-security-policy" not in names:  # the page has a stricter one
        headers.append(NO_FRAMES)
    if "caller" in state and b"cache-control" not in names:  # it needed a key, so no cache may show it to somebody else
        headers.append(NO_STORE)
    if limit := state.get("rate_limit"):
        headers += [header for header in limit.items() if header[0] not in names]
    return headers
