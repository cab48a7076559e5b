"""Gives every request an id, logs it, counts it, and keeps pages of other origins from using the answer."""

import contextlib
import logging
import re
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.access.origins import AT_ANY_HOST
from app.access.tickets import split_ticket
from app.api.context import refused
from app.logs import info

log = logging.getLogger("engine.http")

INTERNAL_ERROR = 1011  # a close code

# No page may frame an answer: a click on an invisible frame of /docs would trade. No page of another origin may load it
# as a script or an image either; a fetch with CORS is not affected.
SECURITY_HEADERS = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NO_FRAMES = "frame-ancestors 'none'"

_USABLE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestLog:
    """Pure ASGI, which costs a request a few microseconds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope["query_string"], ticket = split_ticket(scope["query_string"])
            scope.setdefault("state", {})["ticket"] = ticket
            scope["state"]["request_id"] = _given_id(scope) or secrets.token_hex(8)
            with metrics.SOCKETS.track_inprogress():
                return await self._socket(scope, receive, send)
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id = _given_id(scope) or secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        began, status = time.perf_counter(), 500

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers.raw.extend(SECURITY_HEADERS)
                headers.setdefault("content-security-policy", NO_FRAMES)  # the page has a stricter one
                if "caller" in scope["state"]:  # it needed a key, so no cache may show it to somebody else
                    headers.setdefault("cache-control", "no-store")
                if limit := scope["state"].get("rate_limit"):
                    headers.update(limit)
            await send(message)

        try:
            await self._app(scope, receive, with_id)
        finally:
            if status in (401, 403):
                refused(scope, scope["state"].get("problem", str(status)))
            seconds = time.perf_counter() - began
            # The template of the route, never the path: clients must not be able to invent label values.
            route = getattr(scope.get("route"), "path", "none")
            metrics.REQUESTS.labels(scope["method"] if route != "none" else "-", route, status).inc()
            metrics.SECONDS.labels(route).observe(seconds)
            if route not in _NOT_LOGGED:
                milliseconds = round(seconds * 1000, 2)
                info(log, f"{scope['method']} {route}", status=status, ms=milliseconds, request=request_id)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            # `metrics.ERRORS` counts every error that is logged with a traceback, by type.
            log.exception("unhandled error on a socket", extra={"request": scope["state"]["request_id"]})
            with contextlib.suppress(RuntimeError):  # it is already closed
                await send({"type": "websocket.close", "code": INTERNAL_ERROR, "reason": "internal error"})


# Monitoring and open pages request these all the time.
_NOT_LOGGED = AT_ANY_HOST | {"/web/{path:path}", "/api/queue"}


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode() if _USABLE_ID.fullmatch(value) else None
    return None
