"""The dependencies of the routes. `app.main` creates them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request
from starlette.datastructures import URL
from starlette.requests import HTTPConnection
from starlette.routing import Match
from starlette.types import Scope

from app.access.authentication import Authenticator, Caller, NotAllowed, key_prefix
from app.access.connection_limit import ConnectionLimit
from app.access.rate_limit import RateLimiter
from app.access.read_turns import ReadTurns
from app.api.problems import Problem, not_allowed, request_id
from app.audit import Actor, AuditLog, printable
from app.dex.markets import Markets, Token
from app.dex.router import Router
from app.network import MovableMarket, Network
from app.orders.changes import Changes
from app.orders.conditions import feed_of, price_for, trigger_of, waits_for_price
from app.orders.events.feed import Feed
from app.orders.events.presence import Presence
from app.orders.intake import Intake
from app.orders.kill_switch.switch import KillSwitch
from app.orders.lifecycle import Status
from app.orders.memo import Memos
from app.orders.model import Order
from app.orders.queue.history import QueueHistory
from app.orders.queue.order_queue import OrderQueue
from app.orders.reconciling.compared import ComparedSwaps
from app.orders.reconciling.state import ReconcilingState
from app.orders.risk import RiskLimits
from app.orders.store.capacity import Capacity
from app.orders.store.dead_letters import DeadLetters
from app.orders.store.reads import OrderReader
from app.orders.store.revision import Revision
from app.orders.store.throughput import ThroughputMeter
from app.orders.waiting.dead_men import DeadMen
from app.orders.waiting.price_history import PriceHistory
from app.orders.waiting.prices import PriceStore
from app.orders.waiting.watchers import Watchers
from app.redis_client import CircuitBreaker
from app.settings import Settings
from app.webhooks.store import WebhookStore


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    settings: Settings
    authenticator: Authenticator  # who is calling
    network: Network  # tokens, pools, venues, and market time
    market: MovableMarket | None  # the simulated market, where it may be moved by hand
    router: Router  # quotes all venues and picks the best
    reader: OrderReader  # reads orders and their logs for callers
    internal: OrderReader  # the same on connections that no list of a caller can fill: for health
    lists: OrderReader  # the same for lists, which may come from a replica
    throughput: ThroughputMeter  # how fast orders were confirmed lately
    dead_letters: DeadLetters  # failed orders
    intake: Intake  # places and cancels orders
    changes: Changes  # to orders that wait
    dead_men: DeadMen  # which owners' orders are cancelled unless they call in time
    queue: OrderQueue  # its depth
    queue_history: QueueHistory  # its last hour
    watchers: Watchers  # how many are alive
    price_history: PriceHistory  # the last week of every pair
    prices: PriceStore  # how current the prices are that orders wait for
    feed: Feed  # live events for streams
    presence: Presence  # which sockets watch which order
    rate_limiter: RateLimiter  # requests per minute and caller
    read_turns: ReadTurns  # slow reads of a caller wait for each other
    connections: ConnectionLimit  # open streams
    batches: ConnectionLimit  # requests with many orders, whose bodies take memory
    capacity: Capacity  # orders under way, in total and per owner
    kill_switch: KillSwitch  # whether orders may be placed
    memos: Memos  # the tags of idempotency keys
    reconciling: ReconcilingState  # whether the chain is asked about every order now
    unmatched_swaps: ComparedSwaps  # those that filled no order here
    webhooks: WebhookStore  # where owners have their events sent
    audit: AuditLog  # what operators did, and what was refused
    revision: Revision  # of the schema: whether this code works with the database
    breaker: CircuitBreaker  # shared, so that one failed call makes the whole process skip Redis for a moment

    @property
    def markets(self) -> Markets:
        """Tokens and pools."""
        return self.network.markets

    def usd_value(self, token: Token, units: int) -> int | None:
        """What an amount is worth now, in millionths of a dollar; None: the token has no price in dollars."""
        return self.network.usd(token, units, self.network.slot_at(datetime.now(UTC)))

    def price_now(self, order: Order) -> Decimal | None:
        """What an order that waits is compared with now; None: it does not wait, or no venue has a price."""
        condition = order.condition or {}
        if order.status is not Status.OPEN or not waits_for_price(condition):
            return None
        token_in, token_out = self.markets.find(order.token_in), self.markets.find(order.token_out)
        if token_in is None or token_out is None:  # no longer listed
            return None
        prices = self.network.mids(token_in, token_out, self.network.slot_at(datetime.now(UTC)))
        feed = feed_of(order.token_in, order.token_out)
        trigger = trigger_of(order.type, feed, order.limit_price, condition, order.extreme)
        return price_for(trigger, list(prices.values()))

    def risk_limits(self, caller: Caller) -> RiskLimits:
        return RiskLimits.of(self.settings).in_force(caller.max_order_usd, caller.max_daily_usd)


def context(connection: HTTPConnection) -> ApiContext:
    ctx: ApiContext = connection.scope["app"].context
    return ctx


def authenticate(request: Request) -> Caller:
    """The caller of a request; a 401 problem if there is no valid key."""
    caller: Caller | None = request.scope["state"].get("caller")
    if caller is not None:  # AuthMiddleware has set it
        return caller
    try:
        return context(request).authenticator.authenticate(request.scope)
    except NotAllowed as error:
        raise not_allowed(error) from None


async def authenticate_again(request: Request) -> None:
    """After a wait for the client: the key may have been revoked meanwhile, or have expired."""
    if "caller" in request.scope["state"]:
        await context(request).authenticator.catch_up()
        try:
            context(request).authenticator.authenticate(request.scope)
        except NotAllowed as error:
            raise not_allowed(error) from None


def arrived_at(request: Request) -> float:
    """When, on `time.monotonic`: this process may have been frozen since, and another one have answered the client."""
    connection = request.scope["state"].get("connection")
    return time.monotonic() - (connection.waited() if connection else 0.0)


def actor(request: Request, caller: Caller) -> Actor:
    """For the audit log: who makes this request."""
    return Actor(
        owner=caller.owner,
        key_prefix=caller.key or None,
        address=_address(request.scope),
        request_id=request_id(request),
    )


def refused(scope: Scope, code: str) -> None:
    """Put a request that is answered 401 or 403, or a socket closed with 4401, on the audit log."""
    state = scope.get("state", {})
    caller: Caller | None = state.get("caller")
    who = Actor(
        owner=caller.owner if caller else None,
        key_prefix=caller.key if caller else key_prefix(scope),
        address=_address(scope),
        request_id=state.get("request_id"),
    )
    audit: AuditLog = scope["app"].context.audit
    method, route = scope.get("method", "socket"), _route(scope)
    audit.refused(who, code, f"{method} {scope['path']}", f"{method} {route}" if route else "none")


def _route(scope: Scope) -> str | None:
    """The template of its path. Requests of keys that may only read are refused before it is looked for."""
    if (route := scope.get("route")) is None and "caller" in scope["state"]:
        route = next((one for one in scope["app"].routes if one.matches(scope)[0] is Match.FULL), None)
    return getattr(route, "path", None)


def _address(scope: Scope) -> str | None:
    """From `X-Forwarded-For` of a trusted proxy it can be any text."""
    client = scope.get("client")
    return printable(client[0]) if client else None


def operators_only(caller: Caller) -> None:
    if not caller.operator:
        raise Problem(403, "operators_only", "This needs the API key of an operator.")


def socket_urls(request: HTTPConnection, caller: Caller, *, owner: str | None = None) -> Callable[[UUID], str]:
    """Makes the URL of an order's socket. In production mode it has a ticket for `owner` (default: the caller)."""
    base, authenticator = socket_base_url(request), context(request).authenticator

    def url(order: UUID) -> str:
        plain = f"{base}/api/orders/execute?orderId={order}"
        if authenticator.local:
            return plain
        return f"{plain}&ticket={authenticator.issue_ticket(caller, str(order), owner=owner)}"

    return url


def socket_base_url(connection: HTTPConnection) -> str:
    """The URL under which clients reach the sockets: PUBLIC_URL, or the address that this request was sent to."""
    if public := context(connection).settings.public_url:
        return _socket_url(public.rstrip("/"))
    scope = connection.scope
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    return _address_of_request(scope["scheme"], host, scope.get("server"))


@lru_cache(maxsize=64)  # callers use few host names
def _address_of_request(scheme: str, host: bytes | None, server: tuple[str, int] | None) -> str:
    headers = [] if host is None else [(b"host", host)]
    url = URL(scope={"scheme": scheme, "server": server, "path": "", "headers": headers})
    return _socket_url(str(url))


def _socket_url(url: str) -> str:
    split = urlsplit(url)
    scheme = "wss" if split.scheme in ("https", "wss") else "ws"
    return f"{scheme}://{split.netloc}{split.path}"
