"""The queue and the pace of the last hour, for charts.

Workers and watchers both take the samples, so that they go on while one of the two kinds is down. They are in Postgres,
so that they survive a restart of Redis; while Redis is down the numbers of the queue are unknown.
"""

import contextlib
from datetime import datetime

import asyncpg

from app.orders.queue.order_queue import OrderQueue
from app.orders.samples import REST_OF, TIME_OF
from app.orders.store.throughput import pace
from app.postgres.running import fetch
from app.redis_client import REDIS_UNAVAILABLE

# The pace of a sample is that of the minute before it. Of several processes the first one counts the orders.
SAMPLE = f"""
WITH clock AS MATERIALIZED (
    SELECT {TIME_OF} AS at, {REST_OF} AS rest FROM clock_timestamp() AS now
), due AS MATERIALIZED (
    SELECT at FROM clock WHERE NOT EXISTS (SELECT FROM queue_samples s WHERE s.at = clock.at)
), gone AS (  -- too old, or ahead of the clock, which was set back
    DELETE FROM queue_samples USING due WHERE queue_samples.at < due.at - interval '1 hour' OR queue_samples.at > due.at
), taken AS (
    INSERT INTO queue_samples (at, waiting, running, workers, confirmed, p50_ms, p99_ms)
    SELECT due.at, $1::int, $2::int, $3::int, confirmed, p50, p99
      FROM due, LATERAL ({pace("e.at > due.at - interval '1 minute' AND e.at <= due.at")}) AS of_minute
    ON CONFLICT (at) DO NOTHING
)
SELECT rest FROM clock
"""
READ = """
SELECT at, waiting, running, workers, confirmed, p50_ms, p99_ms FROM queue_samples
 WHERE at BETWEEN greatest($1::timestamptz, now() - interval '1 hour') AND now() ORDER BY at
"""


class QueueHistory:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def sample(self, queue: OrderQueue) -> float:
        """Seconds until the next one is due."""
        counts: tuple[int | None, ...] = (None, None, None)
        with contextlib.suppress(*REDIS_UNAVAILABLE):
            depth = await queue.depth()
            counts = depth.waiting, depth.running, depth.workers
        ((rest,),) = await fetch(self._pool, SAMPLE, *counts)
        return float(rest)

    async def read(self, since: datetime) -> list[asyncpg.Record]:
        """Oldest first."""
        return await fetch(self._pool, READ, since)
