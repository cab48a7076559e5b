"""In production mode nothing is read of a request whose key does not fit; what is public is named here."""

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
    """A route that is new is closed until it is named here. Sockets ask for themselves: a ticket is for one order."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_public(scope["path"]):
            ctx: ApiContext = scope["app"].state.context
            if not ctx.authenticator.local and (problem := _stopped(scope, ctx)):
                name = str(scope.get("state", {}).get("request_id", "-"))
                return await problem.answer(name)(scope, receive, send)
        await self._app(scope, receive, send)


def _is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith(PUBLIC_BELOW)


def _stopped(scope: Scope, ctx: ApiContext) -> Problem | None:
    try:
        scope["state"]["caller"] = ctx.authenticator.authenticate(HTTPConnection(scope))
    except NotAllowed:
        return not_allowed()
    except DatabaseUnavailable:
        return database_unavailable()
    return None
