"""The parts the routes work with, wired together in `app.main`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request
from starlette.datastructures import URL
from starlette.requests import HTTPConnection

from app.access.authentication import Authenticator, Caller, NotAllowed
from app.access.connection_limit import ConnectionLimit
from app.access.rate_limit import RateLimiter
from app.api.problems import Problem, not_allowed
from app.dex.markets import Markets
from app.dex.router import Router
from app.orders.events.feed import Feed
from app.orders.events.presence import Presence
from app.orders.intake import Intake
from app.orders.queue.order_queue import OrderQueue
from app.orders.store.capacity import Capacity
from app.orders.store.dead_letters import DeadLetters
from app.orders.store.reads import OrderReader
from app.orders.store.throughput import ThroughputMeter
from app.redis_client import CircuitBreaker
from app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    settings: Settings
    authenticator: Authenticator
    markets: Markets
    router: Router
    reader: OrderReader
    throughput: ThroughputMeter
    dead_letters: DeadLetters
    intake: Intake
    queue: OrderQueue
    feed: Feed
    presence: Presence
    rate_limiter: RateLimiter
    connections: ConnectionLimit
    capacity: Capacity
    newest_revision: str | None  # the migration this code was written for
    breaker: CircuitBreaker  # one judgement of Redis for the whole process


def context(connection: HTTPConnection) -> ApiContext:
    found: ApiContext = connection.app.state.context
    return found


def authenticate(request: Request) -> Caller:
    """Who calls; a problem document for those who may not."""
    known: Caller | None = request.scope["state"].get("caller")
    if known is not None:  # the gate has asked already
        return known
    try:
        return context(request).authenticator.authenticate(request)
    except NotAllowed:
        raise not_allowed() from None


def operators_only(caller: Caller) -> None:
    if not caller.operator:
        raise Problem(403, "operators_only", "This needs an operator's key.")


def socket_urls(request: Request, caller: Caller, *, owner: str | None = None) -> Callable[[UUID], str]:
    """Where an order's socket is; with a ticket for `owner`'s order (default: the caller's) where one is needed."""
    base, authenticator = sockets_base(request), context(request).authenticator

    def url(order: UUID) -> str:
        plain = f"{base}/api/orders/execute?orderId={order}"
        return (
            plain if authenticator.local else f"{plain}&ticket={authenticator.ticket(caller, str(order), owner=owner)}"
        )

    return url


def sockets_base(connection: HTTPConnection) -> str:
    """Where clients reach this engine's sockets: PUBLIC_URL, or else the way this caller came."""
    if public := context(connection).settings.public_url:
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
