"""How fast orders were confirmed lately: one look at the book for all who ask, and not often if it takes long."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from app.batching import Batcher
from app.postgres import fetch

LATELY_SECONDS = 300
FRESH_SECONDS, STALE_SECONDS = 1.0, 7.5
SHARE_OF_TIME = 50  # a look that takes long is taken that much less often, until it would be stale

CONFIRMED = """
SELECT count(*) AS confirmed,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) AS p50, percentile_disc(0.99) WITHIN GROUP (ORDER BY ms) AS p99
  FROM (SELECT (extract(epoch FROM e.at - o.created_at) * 1000)::float8 AS ms
          FROM order_events e JOIN orders o ON o.id = e.order_id
         WHERE e.at > now() - $1 * interval '1 second' AND e.status = 'confirmed') lately
"""


@dataclass(frozen=True, slots=True)
class Throughput:
    """Of the orders confirmed lately: how many in a minute, and how long after they were accepted."""

    per_minute: float
    p50_ms: float | None
    p99_ms: float | None


class ThroughputMeter:
    def __init__(self, pool: asyncpg.Pool, *, now: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._now = now
        self._seen: Throughput | None = None
        self._fresh_until = 0.0
        self._ask: Batcher[None, Throughput] = Batcher(self._look)

    async def measure(self) -> Throughput:
        if self._seen is not None and self._now() < self._fresh_until:
            return self._seen
        return await self._ask(None)

    async def _look(self, asking: list[None]) -> list[Throughput]:
        began = self._now()
        if self._seen is None or began >= self._fresh_until:
            ((confirmed, p50, p99),) = await fetch(self._pool, CONFIRMED, LATELY_SECONDS)
            self._seen = Throughput(confirmed * 60 / LATELY_SECONDS, p50, p99)
            ended = self._now()
            self._fresh_until = ended + min(max(FRESH_SECONDS, SHARE_OF_TIME * (ended - began)), STALE_SECONDS)
        return [self._seen] * len(asking)
