"""The state of the queue, pause and resume, and the sockets that watch an order."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from app.api.admission import admit_read
from app.api.context import context, operators_only
from app.api.orders.schedule_bodies import UtcMoment
from app.api.problems import redis_unavailable, unknown_order
from app.api.routes.operators.kill_switch import switch
from app.api.schemas import Answer
from app.api.spec.openapi import OrderId, problems
from app.api.validation import order_uuid
from app.api.views import as_json
from app.orders.kill_switch.states import ALL, TradingState
from app.orders.samples import SECONDS
from app.redis_client import RedisUnavailable

router = APIRouter(prefix="/api", tags=["operator"])


class TimeToConfirm(Answer):
    """Milliseconds from accepted to confirmed; null: no order was confirmed."""

    p50: float | None
    p99: float | None


class Lanes(Answer):
    """Orders that wait for a start, by lane. While more wait than may start, lanes start by their shares."""

    stops: int = Field(description="Stop, take-profit and trailing stop orders")
    market: int
    limits: int = Field(description="Limit and sniper orders")
    slices: int = Field(description="Slices of DCA orders")


class Queue(Answer):
    """The state of the queue."""

    waiting: int = Field(description="Orders in the queue that no worker runs now")
    waiting_by_lane: Lanes
    running: int
    workers: int = Field(description="Running workers")
    watchers: int = Field(description="Running watchers, which fire orders that wait for a price")
    prices_age_seconds: float = Field(
        description="Age of the newest price of the pair that has waited longest for one; 0: no order waits for a price"
    )
    concurrency: int = Field(description="How many orders the workers can run at once")
    starts_per_minute: int | None = Field(description="How many orders may start in any minute; null: no limit")
    starts_left: int | None = Field(description="How many may start right now")
    oldest_seconds: float = Field(description="How long the first waiting order has been due")
    paused: bool = Field(description="Trading is halted for all owners")
    trading: TradingState = Field(description="What the kill switch lets you do")
    orders_per_minute: float = Field(description="Confirmed orders per minute, over the last five minutes")
    confirmed_ms: TimeToConfirm


class QueueSample(Answer):
    at: datetime
    waiting: int | None = Field(description="null, as the next two: Redis was down")
    running: int | None
    workers: int | None
    per_minute: int = Field(description="Orders confirmed in the minute before")
    p50_ms: float | None = Field(description="Of these, from accepted to confirmed; null: there were none")
    p99_ms: float | None


class QueueSamples(Answer):
    step_seconds: int = Field(examples=[SECONDS])
    samples: list[QueueSample] = Field(description="Oldest first; while neither worker nor watcher ran there are none")


class Paused(Answer):
    paused: bool


class Connection(Answer):
    """A socket that watches an order."""

    id: str
    order_id: str
    connected_at: datetime
    active: Literal[True] = True


class Connections(Answer):
    connections: list[Connection]


@router.get(
    "/queue",
    summary="The state of the queue",
    responses={200: {"model": Queue}, **problems(401, 429, 503)},
)
async def queue(request: Request) -> Response:
    """Waiting and running orders, starts left, and how fast orders were confirmed in the last five minutes."""
    ctx = context(request)
    caller = admit_read(request)
    throughput, waiting = await ctx.throughput.measure(), await ctx.prices.waiting()
    try:
        depth = await ctx.breaker.call(ctx.queue.depth())
        watchers = await ctx.breaker.call(ctx.watchers.alive())
    except RedisUnavailable:
        raise redis_unavailable() from None
    return as_json(
        {
            "waiting": depth.waiting,
            "waitingByLane": {lane.name.lower(): count for lane, count in depth.lanes.items()},
            "running": depth.running,
            "workers": depth.workers,
            "watchers": watchers.watchers,
            "pricesAgeSeconds": round(waiting.prices_age, 3),
            "concurrency": depth.workers * ctx.settings.worker_concurrency,
            "startsPerMinute": ctx.settings.queue_max_per_min or None,
            "startsLeft": depth.starts_left,
            "oldestSeconds": round(depth.oldest_seconds, 3),
            "paused": ctx.kill_switch.state() is TradingState.HALTED,
            "trading": ctx.kill_switch.state(caller.owner),
            "ordersPerMinute": round(throughput.per_minute, 2),
            "confirmedMs": {"p50": throughput.p50_ms, "p99": throughput.p99_ms},
        }
    )


@router.get(
    "/queue/history",
    summary="The last hour of the queue",
    responses={200: {"model": QueueSamples}, **problems(401, 422, 429, 503)},
)
async def history(
    request: Request,
    since: Annotated[UtcMoment | None, Query(alias="from", description="Only samples of this time or later")] = None,
) -> Response:
    """One sample every ten seconds, kept by the engine."""
    ctx, _ = context(request), admit_read(request)
    samples = await ctx.queue_history.read(since or datetime.now(UTC) - timedelta(hours=1))
    return as_json(
        {
            "stepSeconds": SECONDS,
            "samples": [
                {
                    "at": one["at"],
                    "waiting": one["waiting"],
                    "running": one["running"],
                    "workers": one["workers"],
                    "perMinute": one["confirmed"],
                    "p50Ms": one["p50_ms"],
                    "p99Ms": one["p99_ms"],
                }
                for one in samples
            ],
        }
    )


@router.post(
    "/queue/pause",
    summary="Halt trading for all owners",
    responses={200: {"model": Paused}, **problems(401, 403, 503)},
)
async def pause(request: Request) -> Response:
    """The same as `PUT /api/kill-switch` with `halted`: new orders are refused, and nothing starts or is sent."""
    await switch(request, ALL, TradingState.HALTED, "paused over /api/queue/pause")
    return as_json({"paused": True})


@router.post(
    "/queue/resume",
    summary="Release trading for all owners",
    responses={200: {"model": Paused}, **problems(401, 403, 409, 503)},
)
async def resume(request: Request) -> Response:
    """The same as `PUT /api/kill-switch` with `active`."""
    await switch(request, ALL, TradingState.ACTIVE, "resumed over /api/queue/resume")
    return as_json({"paused": False})


@router.get(
    "/orders/{order_id}/connections",
    summary="The sockets that watch an order",
    responses={200: {"model": Connections}, **problems(401, 403, 404, 429, 503)},
)
async def connections(request: Request, order_id: OrderId) -> Response:
    ctx, order_uid = context(request), order_uuid(order_id)
    operators_only(admit_read(request))
    if await ctx.reader.order(order_uid, None) is None:
        raise unknown_order()
    try:
        watchers = await ctx.breaker.call(ctx.presence.watchers(str(order_uid)))
    except RedisUnavailable:
        raise redis_unavailable() from None
    return as_json(
        {
            "connections": [
                {"id": one.id, "orderId": one.order, "connectedAt": one.connected_at, "active": True}
                for one in watchers
            ]
        }
    )
