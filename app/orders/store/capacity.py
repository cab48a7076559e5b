"""Capacity: how many orders may be under way, in total (`QUEUE_MAX_DEPTH`) and of one owner (`QUEUE_MAX_PER_OWNER`)."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Literal

import asyncpg

from app.orders.lifecycle import UNDER_WAY, sql_list
from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import fetch
from app.tasks import cancel_and_wait

log = logging.getLogger("engine.capacity")

COUNT_SECONDS = 1.0
REST_FACTOR = 50  # a slow count is followed by a rest of this many times its duration: a fiftieth of one connection
MAX_REST_SECONDS = 10.0  # it may be slow because Postgres did not answer, and until the next one no order leaves it

_UNDER_WAY = sql_list(UNDER_WAY)
COUNT_ALL = f"SELECT count(*) FROM (SELECT 1 FROM orders WHERE status IN ({_UNDER_WAY}) LIMIT $1) under_way"
COUNT_BY_OWNER = (
    f"SELECT owner, count(*) FROM orders WHERE status IN ({_UNDER_WAY}) GROUP BY owner HAVING count(*) >= $1"
)


class Capacity:
    """Counted in Postgres, so that the limits hold while Redis is down; orders reserved since the count are added."""

    def __init__(self, pool: asyncpg.Pool, *, max_total: int, max_per_owner: int) -> None:
        self._pool = pool
        self._max_total = max_total
        self._max_per_owner = max_per_owner
        self._under_way = 0
        self._heavy_owners: Mapping[str, int] = {}  # owners near their limit
        self._reserved: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._count_repeatedly(), name="capacity")

    async def stop(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)

    def reserve(self, owner: str, count: int) -> Literal["total", "owner"] | None:
        """The limit that so many more orders would exceed; None: they are reserved."""
        if self._under_way + count > self._max_total:
            return "total"
        if self._heavy_owners.get(owner, 0) + self._reserved[owner] + count > self._max_per_owner:
            return "owner"
        self._under_way += count
        self._reserved[owner] += count
        return None

    async def count(self) -> None:
        before = self._reserved.copy()
        ((under_way,),) = await fetch(self._pool, COUNT_ALL, self._max_total + 1)
        heavy: Mapping[str, int] = {}
        if under_way + sum(before.values()) >= self._max_per_owner // 2:  # otherwise no owner can be near the limit
            heavy = {row[0]: row[1] for row in await fetch(self._pool, COUNT_BY_OWNER, self._max_per_owner // 2)}
        self._reserved -= before  # what was reserved during the query may be counted twice, for a second
        self._under_way, self._heavy_owners = under_way + sum(self._reserved.values()), heavy

    async def _count_repeatedly(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self.count()
            except DatabaseUnavailable:
                pass  # then no order is accepted either
            except Exception:
                log.exception("orders under way cannot be counted")
            took = time.monotonic() - began
            await asyncio.sleep(min(max(COUNT_SECONDS, REST_FACTOR * took), MAX_REST_SECONDS))
