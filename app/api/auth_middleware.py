"""In production mode a request without a valid API key is refused before its body is read. Public paths are listed."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.authentication import NotAllowed
from app.api.context import ApiContext
from app.api.problems import Problem, database_unavailable, not_allowed
from app.postgres import DatabaseUnavailable

PUBLIC = frozenset(
    {
        *("/", "/docs", "/openapi.json", "/asyncapi.json", "/api/tokens", "/api/pools"),
        *("/health", "/health/live", "/health/ready", "/metrics"),
    }
)
PUBLIC_BELOW = ("/web/", "/docs/files/")


class AuthMiddleware:
    """A new route is closed until `PUBLIC` lists it. Sockets authenticate in their routes: a ticket has a scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_public(scope["path"]):
            ctx: ApiContext = scope["app"].state.context
            if not ctx.authenticator.local and (problem := _refusal(scope, ctx)):
                request_id = str(scope.get("state", {}).get("request_id", "-"))
                return await problem.answer(request_id)(scope, receive, send)
        await self._app(scope, receive, send)


def _is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith(PUBLIC_BELOW)


def _refusal(scope: Scope, ctx: ApiContext) -> Problem | None:
    try:
        scope["state"]["caller"] = ctx.authenticator.authenticate(HTTPConnection(scope))
    except NotAllowed:
        return not_allowed()
    except DatabaseUnavailable:
        return database_unavailable()
    return None
