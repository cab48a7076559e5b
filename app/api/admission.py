"""Whether a request is served now: kill switch, the caller's quotas and share of the queue, depth of the queue."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.requests import HTTPConnection, Request

from app.access.authentication import Caller
from app.access.connection_limit import TooManyConnections
from app.access.rate_limit import RateLimitResult, headers
from app.access.read_turns import NoTurn
from app.api.context import authenticate, context
from app.api.json_body import MAX_BODY, read_object
from app.api.problems import Problem
from app.api.refusals import counted, trading_stopped
from app.orders.kill_switch.states import TradingState

INVALID = "invalid requests"
CORRECTABLE = frozenset({400, 413, 415, 422, 428})  # statuses of requests that the client has to correct
EVENTS_A_READ = 100  # a log with more counts as several reads: it keeps this process busy for that much longer
BATCHES_AT_ONCE = 50  # of one owner: a body and what is read from it take up to 300 KiB until it is answered
LATER = {"Retry-After": "10"}  # by then some orders have left a full queue


async def admit(request: HTTPConnection, caller: Caller, orders: int, *, owner: str | None = None) -> None:
    """Raises a `Problem` unless the caller may place that many orders. They count even if Postgres then fails.

    None is placed once the client has left: this process may have been frozen, and nobody expects the order any more.
    `owner`: of the orders; default: the caller.
    """
    owner = owner or caller.owner
    owns_wallet(request, owner)
    state = context(request).kill_switch.state(owner)
    if state is not TradingState.ACTIVE:
        raise counted(trading_stopped(state))
    settings = context(request).settings
    quota = _orders_quota(request, caller)
    most = min(quota or orders, settings.queue_max_per_owner, settings.queue_max_depth)
    if orders > most:
        detail = f"At most {most} orders fit in one request here, and this one has {orders}. Send fewer at a time."
        raise Problem(422, "batch_too_large", detail)
    if context(request).revision.problem:
        detail = "The engine does not work with the schema of its database, so it takes no orders. It is being updated."
        raise counted(Problem(503, "wrong_schema", detail, retryable=True, headers=LATER))
    await _within_quota(request, caller, "orders", orders)
    still_there(request)
    match context(request).capacity.reserve(owner, orders):
        case "owner":
            most = settings.queue_max_per_owner
            who = "You" if owner == caller.owner else "The owner of the order"
            detail = f"{who} may have at most {most} orders under way. Wait until some have ended."
            raise counted(Problem(429, "queue_share_full", detail, retryable=True, headers=LATER))
        case "total":
            detail = "The queue is full: too many orders are under way. Try again in a moment."
            raise counted(Problem(503, "queue_full", detail, retryable=True, headers=LATER))


def still_there(request: HTTPConnection) -> None:
    """Raises a `Problem` if the client has closed its connection."""
    if (connection := request.scope["state"].get("connection")) and connection.has_left():
        raise counted(Problem(408, "too_slow", "You have closed the connection.", retryable=True))


def owns_wallet(request: HTTPConnection, owner: str) -> None:
    """Raises a `Problem` if the wallet of a real chain trades for another owner."""
    if context(request).network.wallet_owner not in (None, owner):
        raise counted(Problem(403, "no_wallet", "The wallet of this engine trades for another owner only."))


async def read_body(request: Request, most: int = MAX_BODY) -> dict[str, Any]:
    """The object in the body; a `Problem` if the caller's last requests were invalid, and too many."""
    may_be_invalid(request, request.scope["state"].get("caller"))
    return await read_object(request, most)


def may_be_invalid(connection: HTTPConnection, caller: Caller | None) -> None:
    """Raises a `Problem` if the caller's last requests were invalid, and too many: this one is not looked at."""
    if quota := context(connection).settings.api_max_reads_per_min:
        take, who = context(connection).rate_limiter.take_here, _who(connection, caller)
        if not take(INVALID, who, 0, quota).left:
            _refuse_beyond(connection, INVALID, "too_many_invalid", quota, take(INVALID, who, 1, quota))


def count_invalid(connection: HTTPConnection, caller: Caller | None, status: int) -> None:
    """Such a request counts towards no other quota. In this process, which takes time to say what is wrong with it."""
    quota = context(connection).settings.api_max_reads_per_min
    if quota and status in CORRECTABLE:
        context(connection).rate_limiter.take_here(INVALID, _who(connection, caller), 1, quota)


async def admit_cancel(request: HTTPConnection, caller: Caller) -> None:
    """Cancels have their own bucket, so a caller without quota for orders can still cancel."""
    await _within_quota(request, caller, "cancels", 1)


def admit_read(request: Request, cost: int = 1) -> Caller:
    """The caller of a read; a `Problem` beyond their quota. Counted in this process, whose connections it protects.

    `cost`: as how many reads it counts; at most the quota, so that none is refused for ever.
    """
    caller = authenticate(request)
    may_read(request, caller, cost)
    return caller


def may_read(connection: HTTPConnection, caller: Caller, cost: int = 1) -> None:
    ctx = context(connection)
    if quota := _reads_quota(connection, caller):
        result = ctx.rate_limiter.take_here("reads", _who(connection, caller), min(cost, quota), quota)
        _refuse_beyond(connection, "reads", "too_many_reads", quota, result)


def may_read_log(connection: HTTPConnection, caller: Caller, events: int) -> None:
    """The same for the rest of a read, once it is known to have so many events. It was counted as one read before."""
    quota = _reads_quota(connection, caller)
    if (more := min(events // EVENTS_A_READ, quota - 1)) > 0:
        may_read(connection, caller, more)


def may_look_up(connection: HTTPConnection, caller: Caller) -> bool:
    """The same for a read that nobody asked for."""
    ctx = context(connection)
    quota = _reads_quota(connection, caller)
    return not quota or ctx.rate_limiter.take_here("reads", _who(connection, caller), 1, quota).granted


@contextlib.asynccontextmanager
async def turn_to_read(request: HTTPConnection, caller: Caller) -> AsyncIterator[None]:
    """For reads of many rows: those of one caller wait for each other, so that others get connections meanwhile."""
    try:
        async with context(request).read_turns.turn(_who(request, caller)):
            yield
    except NoTurn:
        detail = "Too many of your reads are under way. Wait until one has ended."
        raise counted(Problem(429, "too_many_reads", detail, retryable=True, headers={"Retry-After": "2"})) from None


@contextlib.contextmanager
def place_of_batch(request: HTTPConnection, caller: Caller) -> Iterator[None]:
    """For requests with large bodies. Beyond those of an owner that are under way nothing is read."""
    try:
        with context(request).batches.slot(caller.owner):
            yield
    except TooManyConnections:
        detail = f"At most {BATCHES_AT_ONCE} of your batches may be under way. Wait until one is answered."
        raise counted(Problem(429, "too_many_orders", detail, retryable=True, headers={"Retry-After": "1"})) from None


async def orders_left(request: HTTPConnection, caller: Caller) -> dict[str, int] | None:
    """The caller's quota of orders; None: there is no limit."""
    ctx = context(request)
    if not (quota := _orders_quota(request, caller)):
        return None
    nothing_taken = await ctx.rate_limiter.take("orders", _who(request, caller), 0, quota)
    return {"perMinute": quota, "left": nothing_taken.left}


async def _within_quota(request: HTTPConnection, caller: Caller, kind: str, cost: int) -> None:
    ctx = context(request)
    if quota := _orders_quota(request, caller):
        result = await ctx.rate_limiter.take(kind, _who(request, caller), cost, quota)
        _refuse_beyond(request, kind, "too_many_orders", quota, result)


def _orders_quota(request: HTTPConnection, caller: Caller) -> int:
    own = caller.max_orders_per_min
    return context(request).settings.api_max_orders_per_min if own is None else own


def _reads_quota(request: HTTPConnection, caller: Caller) -> int:
    own = caller.max_reads_per_min
    return context(request).settings.api_max_reads_per_min if own is None else own


def _who(request: HTTPConnection, caller: Caller | None) -> str:
    return (caller and caller.key) or (request.client.host if request.client else "unknown")


def _refuse_beyond(request: HTTPConnection, kind: str, code: str, quota: int, result: RateLimitResult) -> None:
    fields = request.scope["state"]["rate_limit"] = headers(kind, quota, result)  # `RequestLog` adds them to any answer
    if not result.granted:
        seconds = fields[b"retry-after"].decode()
        detail = f"You may send at most {quota} {kind} per minute. Try again in {seconds} s."
        raise counted(Problem(429, code, detail, retryable=True, headers={"Retry-After": seconds}))
