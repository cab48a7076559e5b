"""Requests per minute and caller, counted in Redis for all API processes together.

Each bucket refills evenly (GCRA): a quota of 120 allows 120 at once, then one each half second. Requests that arrive
during one round trip to Redis share the next one, so under load a request costs a fraction of a round trip.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from app import metrics
from app.batching import Batcher
from app.redis_client import CircuitBreaker, RedisUnavailable
from app.redis_scripts import Script

PERIOD_SECONDS = 60
MAX_BUCKETS = 100_000  # kept by one process while Redis is down
BUCKET = "engine:limit:"

TAKE = Script(Path(__file__).parent / "rate_limit.lua")


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    granted: bool
    left: int  # requests that may still be made now
    full_in: float  # seconds until the bucket is full again
    enough_in: float  # seconds until this cost can be granted; 0: it was


@dataclass(frozen=True, slots=True)
class _Request:
    bucket: str  # the key in Redis
    cost: int  # how many requests this one counts as
    quota: int  # per minute


class RateLimiter:
    """Takes from buckets in Redis.

    While Redis is down each process has its own buckets, so a caller's quota is multiplied by the number of processes.
    """

    def __init__(self, redis: Redis, breaker: CircuitBreaker, *, now: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._breaker = breaker
        self._now = now
        self._local: dict[str, float] = {}
        self._batcher: Batcher[_Request, RateLimitResult] = Batcher(self._take_all)

    async def take(self, kind: str, caller: str, cost: int, quota: int) -> RateLimitResult:
        return await self._batcher(_Request(f"{BUCKET}{kind}:{caller}", cost, quota))

    def take_here(self, kind: str, caller: str, cost: int, quota: int) -> RateLimitResult:
        """From a bucket of this process alone: for limits that protect this process. No round trip."""
        return self._take_locally(_Request(f"{BUCKET}{kind}:{caller}", cost, quota))

    async def _take_all(self, requests: list[_Request]) -> Sequence[RateLimitResult]:
        keys = [request.bucket for request in requests]
        numbers = [number for request in requests for number in (request.cost, request.quota, PERIOD_SECONDS * 1000)]
        try:
            answers = await self._breaker.call(TAKE.call(self._redis, keys, numbers))
            results = [
                RateLimitResult(bool(granted), left, full / 1e3, enough / 1e3)
                for granted, left, full, enough in answers
            ]
        except RedisUnavailable:
            results = [self._take_locally(request) for request in requests]
        metrics.QUOTA_LEFT.observe(
            min(result.left / request.quota for result, request in zip(results, requests, strict=True))
        )
        return results

    def _take_locally(self, request: _Request) -> RateLimitResult:
        now = self._now()
        if len(self._local) >= MAX_BUCKETS:
            self._local = {bucket: full_at for bucket, full_at in self._local.items() if full_at > now}
        result, full_at = take_from_bucket(self._local.get(request.bucket, now), now, request.cost, request.quota)
        if len(self._local) < MAX_BUCKETS:
            self._local[request.bucket] = full_at
        return result


def take_from_bucket(
    full_at: float, now: float, cost: int, quota: int, period: float = PERIOD_SECONDS
) -> tuple[RateLimitResult, float]:
    """The arithmetic of one bucket, the same as in `rate_limit.lua`: the result, and when the bucket will be full."""
    step = period / quota
    full_at = min(max(full_at, now), now + period)
    after = full_at + cost * step
    granted = after - now <= period + 1e-6
    enough_in = 0.0 if granted else after - now - period
    if granted:
        full_at = after
    left = math.floor((period - (full_at - now)) / step + 1e-3)
    return RateLimitResult(granted, left, full_at - now, enough_in), full_at


def headers(kind: str, quota: int, result: RateLimitResult) -> dict[bytes, bytes]:
    """The fields of the IETF draft on RateLimit headers, and `Retry-After` on a refusal."""
    fields = {
        b"ratelimit-policy": b'"%b";q=%d;w=%d' % (kind.encode(), quota, PERIOD_SECONDS),
        b"ratelimit": b'"%b";r=%d;t=%d' % (kind.encode(), result.left, math.ceil(result.full_in)),
    }
    return fields if result.granted else fields | {b"retry-after": b"%d" % max(1, math.ceil(result.enough_in))}
