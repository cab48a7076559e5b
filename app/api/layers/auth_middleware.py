"""Refuses requests before their body is read: to a foreign host, from a foreign page, and without a key that may."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.authentication import Authenticator, NotAllowed
from app.access.origins import HEALTH, SAFE_METHODS, ForeignHost, ForeignOrigin, Origins
from app.api.context import ApiContext
from app.api.problems import Problem, database_unavailable, foreign_host, foreign_origin, not_allowed, read_only_key
from app.postgres.errors import DatabaseUnavailable
from app.settings import Settings

PUBLIC = HEALTH | {"/", "/console", "/api/tokens", "/api/pools"}
PUBLIC_BELOW = ("/web/",)
DOCS = frozenset({"/docs", "/openapi.json", "/asyncapi.json"})
DOCS_BELOW = ("/docs/files/",)
# They read a body, and look the key up again after that. To wait before could lose a halt whose client has left: then
# no body can be read.
BODY_FIRST = frozenset({("PUT", "/api/kill-switch"), ("POST", "/api/orders/cancel-all")})
CHANGES_NOTHING = "/api/tickets"  # a POST, but a read


class AuthMiddleware:
    """A new route needs a key until it is public here. Sockets authenticate in their routes: a ticket has a scope."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._origins = Origins(settings)
        self._local = settings.engine_mode == "local"
        self._public = PUBLIC | (DOCS if settings.docs_public else set())
        self._public |= {"/metrics"} if settings.metrics_public else set()
        self._public_below = PUBLIC_BELOW + (DOCS_BELOW if settings.docs_public else ())

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if not self._local and not self._is_public(scope["path"]):
            authenticator: Authenticator = scope["app"].context.authenticator
            if authenticator.is_behind() and (scope["method"], scope["path"]) not in BODY_FIRST:
                return self._answer_later(authenticator, scope, receive, send)
        return self._answer(scope, receive, send)

    async def _answer_later(self, authenticator: Authenticator, scope: Scope, receive: Receive, send: Send) -> None:
        await authenticator.catch_up()
        await self._answer(scope, receive, send)

    def _answer(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if problem := self._refusal(scope):
            scope["state"]["problem"] = problem.code  # for the audit log
            return problem.answer(scope["state"]["request_id"])(scope, receive, send)
        return self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Problem | None:
        try:
            self._origins.check(scope)
            if not self._local and not self._is_public(scope["path"]):
                ctx: ApiContext = scope["app"].context
                caller = scope["state"]["caller"] = ctx.authenticator.authenticate(scope)
                if caller.read_only and scope["method"] not in SAFE_METHODS and scope["path"] != CHANGES_NOTHING:
                    return read_only_key()
        except ForeignHost:
            return foreign_host()
        except ForeignOrigin:
            return foreign_origin()
        except NotAllowed as error:
            return not_allowed(error)
        except DatabaseUnavailable:
            return database_unavailable()
        return None

    def _is_public(self, path: str) -> bool:
        return path in self._public or path.startswith(self._public_below)
