"""How many orders were confirmed in the last five minutes, and how fast. All callers share one query; a slow query is
repeated less often."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from app.batching import Batcher
from app.postgres.running import fetch

WINDOW_SECONDS = 300
FRESH_SECONDS, STALE_SECONDS = 1.0, 7.5
REST_FACTOR = 50  # a result is used for this many times as long as its query took, until it would be stale


def pace(within: str) -> str:
    """The orders that were confirmed `within`, a condition of SQL on `e.at`."""
    return f"""
SELECT count(*) AS confirmed,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) AS p50, percentile_disc(0.99) WITHIN GROUP (ORDER BY ms) AS p99
  FROM (SELECT (extract(epoch FROM e.at - o.created_at) * 1000)::float8 AS ms
          FROM order_events e JOIN orders o ON o.id = e.order_id
         WHERE {within} AND e.status = 'confirmed') AS confirmed_lately
"""


CONFIRMED = pace("e.at > now() - $1 * interval '1 second'")


@dataclass(frozen=True, slots=True)
class Throughput:
    """Of the orders confirmed in the window."""

    per_minute: float
    p50_ms: float | None  # from accepted to confirmed; None: none was confirmed
    p99_ms: float | None


class ThroughputMeter:
    def __init__(self, pool: asyncpg.Pool, *, now: Callable[[], float] = time.monotonic) -> None:
        self._pool = pool
        self._now = now
        self._latest: Throughput | None = None
        self._fresh_until = 0.0
        self._shared: Batcher[None, Throughput] = Batcher(self._query)

    async def measure(self) -> Throughput:
        if self._latest is not None and self._now() < self._fresh_until:
            return self._latest
        return await self._shared(None)

    async def _query(self, callers: list[None]) -> list[Throughput]:
        began = self._now()
        if self._latest is None or began >= self._fresh_until:
            ((confirmed, p50, p99),) = await fetch(self._pool, CONFIRMED, WINDOW_SECONDS)
            self._latest = Throughput(confirmed * 60 / WINDOW_SECONDS, p50, p99)
            ended = self._now()
            self._fresh_until = ended + min(max(FRESH_SECONDS, REST_FACTOR * (ended - began)), STALE_SECONDS)
        return [self._latest] * len(callers)
