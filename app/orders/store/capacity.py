"""Whether the engine takes one more order: how many are under way, of everybody and of one owner."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from typing import Literal

import asyncpg

from app.orders.lifecycle import ALIVE
from app.postgres import DatabaseUnavailable, fetch
from app.tasks import cancel_and_wait

log = logging.getLogger("engine.intake")

EVERY_SECONDS = 1.0
SHARE_OF_TIME = 50  # a count that takes long is made that much less often: at most a fiftieth of one connection

_ALIVE = ", ".join(f"'{status}'" for status in sorted(ALIVE))
HOW_MANY = f"SELECT count(*) FROM (SELECT 1 FROM orders WHERE status IN ({_ALIVE}) LIMIT $1) under_way"
WHOSE = f"SELECT owner, count(*) FROM orders WHERE status IN ({_ALIVE}) GROUP BY owner HAVING count(*) >= $1"


class Capacity:
    """Counted in the book, so that it holds while Redis is away; what was admitted here since then is added."""

    def __init__(self, pool: asyncpg.Pool, *, most: int, most_per_owner: int) -> None:
        self._pool = pool
        self._most = most
        self._most_per_owner = most_per_owner
        self._under_way = 0
        self._crowded: Mapping[str, int] = {}  # owners who are near their share
        self._since: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name="room")

    async def stop(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)

    def reserve(self, owner: str, count: int) -> Literal["total", "owner"] | None:
        """For whom there is no room for so many more; None: there is, and they are counted."""
        if self._under_way + count > self._most:
            return "total"
        if self._crowded.get(owner, 0) + self._since[owner] + count > self._most_per_owner:
            return "owner"
        self._under_way += count
        self._since[owner] += count
        return None

    async def count(self) -> None:
        before = self._since.copy()
        ((under_way,),) = await fetch(self._pool, HOW_MANY, self._most + 1)
        crowded: Mapping[str, int] = {}
        if under_way + sum(before.values()) >= self._most_per_owner // 2:  # or nobody can be near their share
            crowded = {row[0]: row[1] for row in await fetch(self._pool, WHOSE, self._most_per_owner // 2)}
        self._since -= before  # what came meanwhile may be counted twice, for a second
        self._under_way, self._crowded = under_way + sum(self._since.values()), crowded

    async def _keep(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self.count()
            except DatabaseUnavailable:
                pass  # and so no order is taken either
            except Exception:
                log.exception("orders under way cannot be counted")
            await asyncio.sleep(max(EVERY_SECONDS, SHARE_OF_TIME * (time.monotonic() - began)))
