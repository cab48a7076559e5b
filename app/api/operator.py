"""How the queue stands, and the operator's hand on it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.api.orders import problems
from app.api.parts import Parts, caller, operators_only, parts
from app.api.problems import redis_away
from app.api.showing import as_json
from app.connections import RedisAway

router = APIRouter(prefix="/api/queue", tags=["operator"])

LATELY_SECONDS = 300


@router.get("", summary="How the queue stands", response_model=None, responses=problems(401, 503))
async def queue(request: Request) -> Response:
    """Depth, running, starts left this minute, and how fast orders were confirmed in the last five minutes."""
    here = parts(request)
    caller(request)
    pace = await here.reader.pace(LATELY_SECONDS)
    try:
        depth = await here.breaker.call(here.line.depth())
    except RedisAway:
        raise redis_away() from None
    return as_json(
        {
            "waiting": depth.waiting,
            "running": depth.running,
            "workers": depth.workers,
            "concurrency": depth.workers * here.settings.worker_concurrency,
            "startsPerMinute": here.settings.queue_max_per_min or None,
            "startsLeft": depth.starts_left,
            "oldestSeconds": round(depth.oldest_seconds, 3),
            "paused": depth.paused,
            "ordersPerMinute": round(pace.ended * 60 / LATELY_SECONDS, 2),
            "confirmedMs": {"p50": pace.p50_ms, "p99": pace.p99_ms},
        }
    )


@router.post("/pause", summary="Start no more orders", response_model=None, responses=problems(401, 403, 503))
async def pause(request: Request) -> Response:
    """Orders in hand go on; what was sent is followed to its end; new orders are still accepted."""
    await _as_operator(request, pause=True)
    return as_json({"paused": True})


@router.post("/resume", summary="Start orders again", response_model=None, responses=problems(401, 403, 503))
async def resume(request: Request) -> Response:
    await _as_operator(request, pause=False)
    return as_json({"paused": False})


async def _as_operator(request: Request, *, pause: bool) -> None:
    here: Parts = parts(request)
    operators_only(caller(request))
    try:
        await here.breaker.call(here.line.pause() if pause else here.line.resume())
    except RedisAway:
        raise redis_away() from None
