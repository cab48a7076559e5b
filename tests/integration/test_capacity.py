"""How many orders are under way is counted again soon, whatever one count has taken."""

import asyncpg
import pytest

from app.orders.store import capacity
from app.orders.store.capacity import Capacity
from tests.engine import eventually

HAS_WAITED = """
SELECT EXISTS (SELECT FROM pg_locks
 WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND waitstart < clock_timestamp() - interval '700 ms')
"""


async def test_a_count_that_took_long_is_repeated_soon(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then every order counts that was placed since, although most of them have ended."""
    monkeypatch.setattr(capacity, "MAX_REST_SECONDS", 0.2)
    counted = Capacity(pool, max_total=1, max_per_owner=1_000)

    async def has_waited() -> bool:
        return bool(await pool.fetchval(HAS_WAITED))

    async def has_room() -> bool:
        return counted.reserve("ann", 1) is None

    try:
        async with pool.acquire() as somebody, somebody.transaction():
            await somebody.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
            counted.start()
            await eventually(has_waited)
        for _ in range(3):  # the orders of before have ended each time
            await eventually(has_room)
    finally:
        await counted.stop()
