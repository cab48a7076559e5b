"""The parts the routes work with, wired together in `app.main`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request
from starlette.datastructures import URL
from starlette.requests import HTTPConnection

from app.access.callers import Caller, Doorkeeper, NotAllowed
from app.access.limits import Limits
from app.access.slots import Slots
from app.api.problems import Problem, not_allowed
from app.connections import Breaker
from app.dex.markets import Markets
from app.dex.router import Router
from app.orders.dead_letters import DeadLetters
from app.orders.feed import Feed
from app.orders.intake import Intake
from app.orders.pace import Pacer
from app.orders.presence import Presence
from app.orders.queue import Line
from app.orders.reading import Reader
from app.orders.room import Room
from app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    settings: Settings
    doorkeeper: Doorkeeper
    markets: Markets
    router: Router
    reader: Reader
    pacer: Pacer
    dead_letters: DeadLetters
    intake: Intake
    line: Line
    feed: Feed
    presence: Presence
    limits: Limits
    slots: Slots
    room: Room
    newest_revision: str | None  # the migration this code was written for
    breaker: Breaker  # one judgement of Redis for the whole process


def parts(connection: HTTPConnection) -> Parts:
    found: Parts = connection.app.state.parts
    return found


def caller(request: Request) -> Caller:
    """Who calls; a problem document for those who may not."""
    known: Caller | None = request.scope["state"].get("caller")
    if known is not None:  # the gate has asked already
        return known
    try:
        return parts(request).doorkeeper.caller(request)
    except NotAllowed:
        raise not_allowed() from None


def operators_only(who: Caller) -> None:
    if not who.operator:
        raise Problem(403, "operators_only", "This needs an operator's key.")


def socket_urls(request: Request, who: Caller, *, owner: str | None = None) -> Callable[[UUID], str]:
    """Where an order's socket is; with a ticket for `owner`'s order (default: the caller's) where one is needed."""
    base, doorkeeper = sockets_base(request), parts(request).doorkeeper

    def url(order: UUID) -> str:
        plain = f"{base}/api/orders/execute?orderId={order}"
        return plain if doorkeeper.local else f"{plain}&ticket={doorkeeper.ticket(who, str(order), owner=owner)}"

    return url


def sockets_base(connection: HTTPConnection) -> str:
    """Where clients reach this engine's sockets: PUBLIC_URL, or else the way this caller came."""
    if public := parts(connection).settings.public_url:
        return _sockets_at(public.rstrip("/"))
    scope = connection.scope
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    return _came_by(scope["scheme"], host, scope.get("server"))


@lru_cache(maxsize=64)  # callers come by few names
def _came_by(scheme: str, host: bytes | None, server: tuple[str, int] | None) -> str:
    headers = [] if host is None else [(b"host", host)]
    url = URL(scope={"scheme": scheme, "server": server, "path": "", "headers": headers})
    return _sockets_at(str(url))


def _sockets_at(url: str) -> str:
    split = urlsplit(url)
    scheme = "wss" if split.scheme in ("https", "wss") else "ws"
    return f"{scheme}://{split.netloc}{split.path}"
