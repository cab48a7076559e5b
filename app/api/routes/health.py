"""Whether the engine runs, and whether it can take orders; and if not, why not."""

import asyncio
import math
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from app import metrics
from app.api.context import ApiContext, authenticate, context, operators_only
from app.api.schemas import Answer
from app.api.views import as_json
from app.orders.queue.order_queue import QueueDepth
from app.postgres import DatabaseUnavailable
from app.redis_client import RedisUnavailable

router = APIRouter(tags=["health"])

ANSWER_SECONDS = 2.0


class Readiness(Answer):
    """Whether orders are taken and executed."""

    ready: bool
    reasons: list[str] = Field(description="Why it is not ready", examples=[["no worker is alive"]])
    postgres: Literal["up", "not migrated", "down"]
    redis: Literal["up", "down"]
    workers: int | None = Field(description="Workers that are alive; null: only Redis would know")


class Health(Readiness):
    status: Literal["ok", "degraded"]


class Liveness(Answer):
    status: Literal["ok"] = "ok"


@router.get("/health", summary="How the engine is", responses={200: {"model": Health}})
async def health(request: Request) -> Response:
    """200 as long as this process answers; the body says how its servers are."""
    state = await _state(context(request))
    return as_json({"status": "ok" if state["ready"] else "degraded", **state})


@router.get("/health/live", summary="Whether this process runs", responses={200: {"model": Liveness}})
async def live() -> Response:
    return as_json({"status": "ok"})


@router.get(
    "/health/ready",
    summary="Whether orders are taken and executed",
    responses={200: {"model": Readiness}, 503: {"model": Readiness, "description": "They are not; `reasons` says why"}},
)
async def ready(request: Request) -> Response:
    """503 with the reason when they are not. Redis away is no reason: orders are taken, and executed later."""
    state = await _state(context(request))
    return as_json(state, 200 if state["ready"] else 503)


@router.get("/metrics", summary="For Prometheus", response_class=PlainTextResponse)
async def prometheus(request: Request) -> Response:
    """What this process counts, and how the line and the servers are now."""
    ctx = context(request)
    if ctx.settings.metrics_need_key:
        operators_only(authenticate(request))
    await _look(ctx)
    text, kind = metrics.exposition()
    return Response(text, media_type=kind)


_OF_THE_LINE = (
    *(metrics.WAITING, metrics.RUNNING, metrics.OLDEST, metrics.HEADROOM),
    *(metrics.PAUSED, metrics.WORKERS),
)


async def _look(ctx: ApiContext) -> None:
    postgres, depth = await asyncio.gather(_postgres(ctx), _depth(ctx))
    metrics.UP.labels("postgres").set(postgres != "down")
    metrics.UP.labels("redis").set(depth is not None)
    if depth is None:  # what is not known is not shown as nothing
        for gauge in _OF_THE_LINE:
            gauge.set(math.nan)
        return
    metrics.WAITING.set(depth.waiting)
    metrics.RUNNING.set(depth.running)
    metrics.OLDEST.set(depth.oldest_seconds)
    metrics.HEADROOM.set(-1 if depth.starts_left is None else depth.starts_left)
    metrics.PAUSED.set(depth.paused)
    metrics.WORKERS.set(depth.workers)


async def _state(ctx: ApiContext) -> dict[str, Any]:
    postgres, (redis, workers) = await asyncio.gather(_postgres(ctx), _redis(ctx))
    reasons = [] if postgres == "up" else [f"postgres is {postgres}"]
    if redis == "up" and not workers:
        reasons.append("no worker is alive")
    return {
        "ready": not reasons,
        "reasons": reasons,
        "postgres": postgres,
        "redis": redis,
        "workers": workers,
    }


async def _postgres(ctx: ApiContext) -> str:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return "up" if await ctx.reader.revision() == ctx.newest_revision else "not migrated"
    except (DatabaseUnavailable, TimeoutError):
        return "down"


async def _redis(ctx: ApiContext) -> tuple[str, int | None]:
    depth = await _depth(ctx)
    return ("down", None) if depth is None else ("up", depth.workers)


async def _depth(ctx: ApiContext) -> QueueDepth | None:
    try:
        return await ctx.breaker.call(ctx.queue.depth())
    except RedisUnavailable:
        return None
