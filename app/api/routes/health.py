"""Health: is this process up, are orders accepted and executed, and if not, why."""

import asyncio
import math
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from app import metrics
from app.api.context import ApiContext, authenticate, context, operators_only
from app.api.schemas import Answer
from app.api.views import as_json
from app.orders.kill_switch.states import STRICTNESS, TradingState
from app.orders.queue.order_queue import QueueDepth
from app.orders.waiting.prices import Waiting
from app.orders.waiting.watchers import Alive
from app.postgres.errors import DatabaseUnavailable
from app.redis_client import RedisUnavailable

Answered = TypeVar("Answered")

router = APIRouter(tags=["health"])

STALLED_SECONDS = 10.0
READ_ONLY = "read-only"
DATABASE_SECONDS = 2.0  # Postgres counts as down if it takes longer to answer
DATABASE_TURNS = 30  # of the event loop, two for each: reading an answer takes 6, on a new connection 24


class Readiness(Answer):
    """Whether orders are accepted and executed."""

    ready: bool
    reasons: list[str] = Field(description="Why it is not ready", examples=[["no worker is running"]])
    postgres: Literal["up", "not migrated", "too new", "down"]
    redis: Literal["up", "down"]
    trading: TradingState = Field(description="The kill switch, for all owners. It does not affect `ready`")
    reconciling: str | None = Field(
        description="The engine asks the chain about every order, and nothing starts until it has ended: what its end "
        "waits for. null: it does not. It does not affect `ready`"
    )
    workers: int | None = Field(description="Running workers; null: unknown while Redis is down")
    watchers: int | None = Field(
        description="Running watchers, which fire orders that wait. Market orders need none: it does not affect `ready`"
    )
    failing_tasks: int | None = Field(
        description="Background tasks of watchers that failed within 30 s; their logs have the errors. "
        "It does not affect `ready`"
    )
    revision: str | None = Field(description="Of the database's schema; null: not known, or never migrated")
    expected_revision: str = Field(description="Of the schema that this process was written for")
    stalled: bool = Field(description="Orders are due and the start limit has starts left, but none is started")


class Health(Readiness):
    status: Literal["ok", "degraded"]


class Liveness(Answer):
    status: Literal["ok"] = "ok"


@router.get("/health", summary="State of the engine and its servers", responses={200: {"model": Health}})
async def health(request: Request) -> Response:
    """200 as long as this process answers. The body has the state of Postgres, Redis and the workers."""
    readiness = await _readiness(context(request))
    return as_json({"status": "ok" if readiness["ready"] else "degraded", **readiness})


@router.get("/health/live", summary="Whether this process is up", responses={200: {"model": Liveness}})
async def live() -> Response:
    return as_json({"status": "ok"})


@router.get(
    "/health/ready",
    summary="Whether orders are accepted and executed",
    responses={200: {"model": Readiness}, 503: {"model": Readiness, "description": "Not ready; see `reasons`"}},
)
async def ready(request: Request) -> Response:
    """503 if they are not. With Redis down the engine is still ready: orders are accepted, and executed later. So it is
    while an operator has stopped trading (`trading` says so), and while it reconciles with the chain.
    """
    readiness = await _readiness(context(request))
    return as_json(readiness, 200 if readiness["ready"] else 503)


@router.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
async def prometheus(request: Request) -> Response:
    """The counters of this process, and the current state of the queue and the servers."""
    ctx = context(request)
    if not ctx.settings.metrics_public:
        operators_only(authenticate(request))
    await _set_gauges(ctx)
    text, kind = metrics.exposition()
    return Response(text, media_type=kind)


_QUEUE_GAUGES = (
    *(metrics.WAITING, metrics.RUNNING, metrics.OLDEST, metrics.HEADROOM),
    *(metrics.WORKERS, metrics.WATCHERS),
)


async def _set_gauges(ctx: ApiContext) -> None:
    postgres, depth, watchers, waiting = await asyncio.gather(
        _postgres(ctx), _depth(ctx), _watchers(ctx), _waiting(ctx)
    )
    metrics.PRICES_AGE.set(math.nan if waiting is None else waiting.prices_age)
    metrics.ARMED.set(math.nan if waiting is None else waiting.triggers)
    metrics.TRADING.set(STRICTNESS[ctx.kill_switch.state()])
    metrics.RECONCILING.set(ctx.kill_switch.reconciling)
    metrics.UP.labels("postgres").set(postgres not in ("down", READ_ONLY))
    metrics.UP.labels("redis").set(depth is not None)
    if depth is None or watchers is None:  # unknown is NaN, not 0
        for gauge in _QUEUE_GAUGES:
            gauge.set(math.nan)
        return
    metrics.WAITING.set(depth.waiting)
    metrics.RUNNING.set(depth.running)
    metrics.OLDEST.set(depth.oldest_seconds)
    metrics.HEADROOM.set(-1 if depth.starts_left is None else depth.starts_left)
    metrics.WORKERS.set(depth.workers)
    metrics.WATCHERS.set(watchers.watchers)


async def _readiness(ctx: ApiContext) -> dict[str, Any]:
    postgres, depth, watchers = await asyncio.gather(_postgres(ctx), _depth(ctx), _watchers(ctx))
    if depth is None:  # a Redis that takes no writes is read, and has no heartbeats
        watchers = None
    stalled = postgres == "up" and depth is not None and await _stalled(ctx, depth)
    reasons = []
    if postgres == "down":
        reasons.append("postgres is down")
    elif postgres == READ_ONLY:
        reasons.append("postgres takes no writes")
    elif problem := ctx.revision.problem:
        reasons.append(problem)
    if ctx.intake.disk_full:
        reasons.append("postgres has no disk space left")
    elif not reasons and not await _stores_orders(ctx):
        reasons.append("postgres stores no orders")
    if depth is not None and not depth.workers:
        reasons.append("no worker is running")
    if stalled:
        reasons.append(f"orders are due, and none has started for {_stall_seconds(ctx):.0f} s")
    return {
        "ready": not reasons,
        "reasons": reasons,
        "postgres": "down" if postgres == READ_ONLY else postgres,
        "redis": "down" if depth is None else "up",
        "trading": ctx.kill_switch.state(),
        "reconciling": await _reconciling(ctx),
        "workers": None if depth is None else depth.workers,
        "watchers": None if watchers is None else watchers.watchers,
        "failingTasks": None if watchers is None else watchers.failing_tasks,
        "stalled": stalled,
        "revision": ctx.revision.found,
        "expectedRevision": ctx.revision.expected,
    }


def _stall_seconds(ctx: ApiContext) -> float:
    """Longer than the slots of all workers can be taken without a fault."""
    return STALLED_SECONDS + ctx.network.confirm_timeout


async def _stalled(ctx: ApiContext, depth: QueueDepth) -> bool:
    """Whether nothing starts, although it should: Redis says what is due and allowed, Postgres what has started."""
    within = _stall_seconds(ctx)
    if not depth.workers or not ctx.kill_switch.may_start() or depth.starts_left == 0 or depth.oldest_seconds < within:
        return False
    try:
        return not await _in_time(ctx.internal.has_started(within))
    except (DatabaseUnavailable, TimeoutError):
        return True  # Postgres is down, or the table of starts is locked


async def _postgres(ctx: ApiContext) -> str:
    try:
        await _in_time(ctx.revision.check())
    except (DatabaseUnavailable, TimeoutError):
        return "down"
    return READ_ONLY if ctx.revision.read_only else ctx.revision.state


async def _stores_orders(ctx: ApiContext) -> bool:
    """Asked only after an order that was not stored."""
    if ctx.intake.refused:
        try:
            await _in_time(ctx.revision.check_writes())
        except (DatabaseUnavailable, TimeoutError):
            return False
        ctx.intake.refused = False
    return True


async def _reconciling(ctx: ApiContext) -> str | None:
    if not ctx.kill_switch.reconciling:
        return None
    try:
        now = await _in_time(ctx.reconciling.read())
    except (DatabaseUnavailable, TimeoutError):
        return "Postgres"
    return (now.waits_for or "a worker that asks the chain") if now else None


async def _in_time(asking: Coroutine[Any, Any, Answered]) -> Answered:
    """What Postgres answers. TimeoutError if it does not; but not if this process was too busy to read the answer."""
    task = asyncio.ensure_future(asking)
    try:
        for _ in range(DATABASE_TURNS):
            if (await asyncio.wait({task}, timeout=DATABASE_SECONDS / DATABASE_TURNS))[0]:
                return task.result()
        raise TimeoutError
    finally:
        task.cancel()


async def _depth(ctx: ApiContext) -> QueueDepth | None:
    try:
        return await ctx.breaker.call(ctx.queue.depth())
    except RedisUnavailable:
        return None


async def _watchers(ctx: ApiContext) -> Alive | None:
    try:
        return await ctx.breaker.call(ctx.watchers.alive())
    except RedisUnavailable:
        return None


async def _waiting(ctx: ApiContext) -> Waiting | None:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            return await ctx.prices.waiting()
    except (DatabaseUnavailable, TimeoutError):
        return None
