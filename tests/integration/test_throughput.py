"""However many ask how fast orders are confirmed, the book is looked at once."""

import asyncio
from typing import Any, cast

import asyncpg
import pytest

from app.orders.store.throughput import ThroughputMeter
from tests.engine import Engine


class MeasuredChain:
    """A pool that counts what it is asked; each answer takes `seconds` of a clock of its own."""

    def __init__(self, pool: asyncpg.Pool, *, seconds: float = 0.0) -> None:
        self.pool, self.seconds, self.asked, self.clock = pool, seconds, 0, 0.0

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        self.asked += 1
        self.clock += self.seconds
        return await self.pool.fetch(sql, *arguments)

    def throughput(self) -> ThroughputMeter:
        return ThroughputMeter(cast("asyncpg.Pool", self), now=lambda: self.clock)


async def test_fifty_who_ask_at_once_cost_one_look(engine: Engine) -> None:
    pool = MeasuredChain(engine.postgres)
    throughput = pool.throughput()
    seen = await asyncio.gather(*(throughput.measure() for _ in range(50)))
    assert (len(seen), pool.asked) == (50, 1)


@pytest.mark.parametrize(("seconds", "looks"), [(0.01, 10), (0.1, 4), (1.0, 3)])
async def test_a_look_that_takes_long_is_taken_less_often(engine: Engine, seconds: float, looks: int) -> None:
    pool = MeasuredChain(engine.postgres, seconds=seconds)
    throughput = pool.throughput()
    for _ in range(10):  # 20 s
        await throughput.measure()
        pool.clock += 2
    assert pool.asked == looks
