"""A span for each HTTP request: the trace comes in and goes on in the header `traceparent`."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.headers import headers_of
from app.access.origins import AT_ANY_HOST
from app.tracing import Tracing

NOT_TRACED = AT_ANY_HOST | {"/api/queue"}  # monitoring and open pages request these all the time
BELOW_NOT_TRACED = ("/web/", "/docs/files/")
MAX_LENGTH = 100  # of `traceparent`: the library would log each one that is much too long


class Trace:
    """Around all other layers, if tracing is on. Sockets pass: a span of hours shows nothing."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or scope["path"] in NOT_TRACED or scope["path"].startswith(BELOW_NOT_TRACED):
            return self._app(scope, receive, send)
        return self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, given = scope["method"], headers_of(scope).get(b"traceparent")
        parent = None if given is None or len(given) > MAX_LENGTH else given.decode("latin-1")
        with self._tracing.span(method, {"http.request.method": method}, kind="SERVER", parent=parent) as span:
            here = (self._tracing.traceparent() or "").encode()

            async def with_trace(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        self._tracing.failed(str(message["status"]))
                    message["headers"] = [*message["headers"], (b"traceparent", here)]
                await send(message)

            try:
                await self._app(scope, receive, with_trace)
            finally:
                # The template of the route: a path may hold ids, and a query tickets.
                if route := getattr(scope.get("route"), "path", None):
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)
