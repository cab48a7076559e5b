"""Concurrent questions about the throughput cost Postgres one query."""

import asyncio
from typing import Any, cast

import asyncpg
import pytest

from app.orders.store.throughput import ThroughputMeter
from tests.engine import Engine


class CountingPool:
    """Counts queries. Each answer takes `seconds` of a simulated clock."""

    def __init__(self, pool: asyncpg.Pool, *, seconds: float = 0.0) -> None:
        self.pool, self.seconds, self.queries, self.clock = pool, seconds, 0, 0.0

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        self.queries += 1
        self.clock += self.seconds
        return await self.pool.fetch(sql, *arguments)

    def throughput(self) -> ThroughputMeter:
        return ThroughputMeter(cast("asyncpg.Pool", self), now=lambda: self.clock)


async def test_fifty_concurrent_calls_cost_one_query(engine: Engine) -> None:
    pool = CountingPool(engine.postgres)
    throughput = pool.throughput()
    seen = await asyncio.gather(*(throughput.measure() for _ in range(50)))
    assert (len(seen), pool.queries) == (50, 1)


@pytest.mark.parametrize(("seconds", "queries"), [(0.01, 10), (0.1, 4), (1.0, 3)])
async def test_a_slow_query_is_made_less_often(engine: Engine, seconds: float, queries: int) -> None:
    pool = CountingPool(engine.postgres, seconds=seconds)
    throughput = pool.throughput()
    for _ in range(10):  # 20 s
        await throughput.measure()
        pool.clock += 2
    assert pool.queries == queries
