"""How much a caller may ask of the engine in a minute: shared by all API processes through Redis.

Each bucket refills evenly (GCRA): a quota of 120 allows 120 at once, then one each half second. What many requests
ask for while one trip to Redis is under way goes with the next: under load a request costs a fraction of a trip.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from app import metrics
from app.batching import Batcher
from app.redis_client import CircuitBreaker, RedisUnavailable
from app.redis_scripts import Script

PERIOD_SECONDS = 60
MAX_BUCKETS = 100_000  # known to a process while Redis is away
BUCKET = "engine:limit:"

TAKE = Script(Path(__file__).parent / "rate_limit.lua")


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    granted: bool
    left: int
    full_in: float  # seconds until nothing is missing from the bucket
    enough_in: float  # seconds until as much as was asked for can be granted; 0: now


@dataclass(frozen=True, slots=True)
class _Ask:
    bucket: str
    cost: int
    quota: int


class RateLimiter:
    """Redis away: a bucket in each process, so a caller may have as many times the quota as there are processes."""

    def __init__(self, redis: Redis, breaker: CircuitBreaker, *, now: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._breaker = breaker
        self._now = now
        self._own: dict[str, float] = {}
        self._trip: Batcher[_Ask, RateLimitResult] = Batcher(self._take)

    async def take(self, kind: str, who: str, cost: int, quota: int) -> RateLimitResult:
        return await self._trip(_Ask(f"{BUCKET}{kind}:{who}", cost, quota))

    async def _take(self, asks: list[_Ask]) -> Sequence[RateLimitResult]:
        keys = [ask.bucket for ask in asks]
        numbers = [number for ask in asks for number in (ask.cost, ask.quota, PERIOD_SECONDS * 1000)]
        try:
            answers = await self._breaker.call(TAKE.call(self._redis, keys, numbers))
            verdicts = [
                RateLimitResult(bool(granted), left, full / 1e3, enough / 1e3)
                for granted, left, full, enough in answers
            ]
        except RedisUnavailable:
            verdicts = [self._from_own(ask) for ask in asks]
        metrics.QUOTA_LEFT.observe(min(verdict.left / ask.quota for verdict, ask in zip(verdicts, asks, strict=True)))
        return verdicts

    def _from_own(self, ask: _Ask) -> RateLimitResult:
        now = self._now()
        if len(self._own) >= MAX_BUCKETS:
            self._own = {bucket: full_at for bucket, full_at in self._own.items() if full_at > now}
        verdict, full_at = taken(self._own.get(ask.bucket, now), now, ask.cost, ask.quota)
        if len(self._own) < MAX_BUCKETS:
            self._own[ask.bucket] = full_at
        return verdict


def taken(
    full_at: float, now: float, cost: int, quota: int, period: float = PERIOD_SECONDS
) -> tuple[RateLimitResult, float]:
    """The arithmetic of one bucket, as in `limit.lua`: the verdict, and when the bucket will be full."""
    step = period / quota
    full_at = min(max(full_at, now), now + period)
    after = full_at + cost * step
    granted = after - now <= period + 1e-6
    enough_in = 0.0 if granted else after - now - period
    if granted:
        full_at = after
    left = math.floor((period - (full_at - now)) / step + 1e-3)
    return RateLimitResult(granted, left, full_at - now, enough_in), full_at


def headers(kind: str, quota: int, verdict: RateLimitResult) -> Mapping[str, str]:
    """As in the IETF's draft on RateLimit header fields."""
    told = {
        "ratelimit-policy": f'"{kind}";q={quota};w={PERIOD_SECONDS}',
        "ratelimit": f'"{kind}";r={verdict.left};t={math.ceil(verdict.full_in)}',
    }
    return told if verdict.granted else told | {"retry-after": str(max(1, math.ceil(verdict.enough_in)))}
