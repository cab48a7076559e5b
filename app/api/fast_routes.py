"""Routes without the layers of FastAPI, which cost more than placing an order.

Every request passes the layers of `app/main.py`. Then it gets to its endpoint: a `FastRoute` at once, any other through
FastAPI. The OpenAPI document has a `FastRoute` like any other. The layers that a socket passes return what is to be
awaited, and do not await it themselves: a layer that does takes memory for as long as the socket is open.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request, WebSocket
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

SOCKET = "websocket"


class Application(FastAPI):
    """`layers` is what every request passes first; it gets the rest of the app."""

    def __init__(self, *, layers: Callable[[ASGIApp], ASGIApp], **options: Any) -> None:
        super().__init__(**options)
        self._layers = layers
        self.context: Any = None  # an `ApiContext`, while the app runs
        self._is_traced = False

    def build_middleware_stack(self) -> ASGIApp:
        self._is_traced = self._native_telemetry.enabled()  # asked here, because asking costs 5 µs
        return self._layers(FastRoutes(super().build_middleware_stack(), self.routes, self.exception_handlers))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        if self.middleware_stack is None or self._is_traced or scope["type"] == "lifespan":
            return super().__call__(scope, receive, send)
        scope["app"] = self
        return self.middleware_stack(scope, receive, send)


class FastRoutes:
    """Calls a `FastRoute`, or the endpoint of a socket, whose path has no parameters. `others` gets the rest."""

    def __init__(self, others: ASGIApp, routes: Sequence[BaseRoute], handlers: Mapping[Any, Any]) -> None:
        self._others = others
        self._handlers = handlers  # of exceptions
        self._routes: dict[tuple[str, str], FastRoute | APIWebSocketRoute] = {}
        for route in reversed(routes):  # the first of a path wins
            if isinstance(route, FastRoute) and not route.param_convertors:
                self._routes |= {(method, route.path): route for method in route.methods or ()}
            elif isinstance(route, APIWebSocketRoute) and not route.param_convertors:
                self._routes[SOCKET, route.path] = route

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        kind = scope["type"]
        route = self._routes.get((scope.get("method", kind), scope.get("path", "")))
        if route is None:
            return self._others(scope, receive, send)
        scope["route"], scope["path_params"] = route, {}
        return route.app(scope, receive, send) if kind == SOCKET else self._answer(route.app, scope, receive, send)

    async def _answer(self, endpoint: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await endpoint(scope, receive, send)
        except Exception as error:
            handler = next(filter(None, map(self._handlers.get, type(error).__mro__)))
            answer: Response = await handler(Request(scope), error)
            await answer(scope, receive, send)


class FastRoute(APIRoute):
    """Passes only the request to the endpoint, and sends its answer."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]], **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            answer = await endpoint(Request(scope, receive, send))
            await answer(scope, receive, send)

        self.app = app


class SocketRouter(APIRouter):
    """Passes only the socket to the endpoint: a layer around it takes memory for as long as it is open."""

    def add_api_websocket_route(self, path: str, endpoint: Callable[..., Any], *args: Any, **options: Any) -> None:
        super().add_api_websocket_route(path, endpoint, *args, **options)

        def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            called: Awaitable[None] = endpoint(WebSocket(scope, receive, send), **scope["path_params"])
            return called

        self.routes[-1].app = app  # type: ignore[attr-defined]
