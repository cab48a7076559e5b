"""CORS: which pages of other origins may read an answer."""

from collections.abc import Awaitable

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.headers import headers_of
from app.access.origins import LOOPBACK
from app.settings import Settings


class Cors:
    """Starlette's, for the requests of pages. It costs 6 µs, and `RequestLog` adds `Vary` to the other answers."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._of_pages = CORSMiddleware(
            app,
            allow_origins=settings.allowed_origins,
            # A front end under development has a port of its own.
            allow_origin_regex=LOOPBACK.pattern if settings.engine_mode == "local" else None,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Location", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"],
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return (self._of_pages if b"origin" in headers_of(scope) else self._app)(scope, receive, send)
