"""However many ask how fast orders are confirmed, the book is looked at once."""

import asyncio
from typing import Any, cast

import asyncpg

from app.orders import pace
from app.orders.pace import Pacer
from tests.engine import Engine


class Counted:
    """A pool that counts what it is asked, and may be slow."""

    def __init__(self, pool: asyncpg.Pool, *, seconds: float = 0.0) -> None:
        self.pool, self.seconds, self.asked = pool, seconds, 0

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        return await self.pool.fetch(sql, *arguments)


async def test_fifty_who_ask_at_once_cost_one_look(engine: Engine) -> None:
    pool = Counted(engine.book)
    pacer = Pacer(cast("asyncpg.Pool", pool))
    seen = await asyncio.gather(*(pacer.pace() for _ in range(50)))
    assert (len(seen), pool.asked) == (50, 1)


async def test_a_look_that_takes_long_is_taken_less_often(engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr(pace, "FRESH_SECONDS", 0.0)
    quick, slow = Counted(engine.book), Counted(engine.book, seconds=0.2)
    for pool, looks in ((quick, 3), (slow, 1)):
        pacer = Pacer(cast("asyncpg.Pool", pool))
        for _ in range(3):
            await pacer.pace()
            await asyncio.sleep(0.5)  # longer than a quick look is fresh, shorter than a slow one is
        assert pool.asked == looks
