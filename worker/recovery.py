"""Startup is recovery: what nobody runs is found in the book and put back in line, once a second, for ever.

Every worker sweeps; two do no harm. When Redis has lost its memory, the line and the window of starts are laid
again from the book before a start is granted.
"""

import asyncio
import contextlib
import logging
from datetime import UTC, datetime
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from app import metrics
from app.connections import REDIS_AWAY
from app.orders.announcing import Announcer, announce
from app.orders.model import BookAway
from app.orders.orphans import Orphans, Waiting
from app.orders.queue import WINDOW_MS, Line
from app.orders.scripts import pipelined
from worker import measuring

log = logging.getLogger("engine.recovery")

ROUND_SECONDS = 1.0
PER_ROUND = 500
PER_PAGE = 1_000
GRANTS_LAND = 0.5  # seconds in which a start that was granted before Redis forgot it reaches the book


class Sweeper:
    """`redis` is one that fails at once: the book is swept whatever Redis does."""

    def __init__(
        self, *, orphans: Orphans, redis: Redis, line: Line, announcer: Announcer, starts_per_minute: int
    ) -> None:
        self._orphans = orphans
        self._redis = redis
        self._line = line
        self._announcer = announcer
        self._limit = starts_per_minute
        self._now = asyncio.Event()
        self._complete = False  # whether the line holds all that waits in the book, as far as this sweeper knows

    def hurry(self) -> None:
        """Somebody noticed that Redis has forgotten: do not wait for the next round."""
        self._complete = False
        self._now.set()

    async def run(self) -> None:
        while True:
            self._now.clear()
            try:
                found = await self._round()
            except BookAway as error:
                log.warning("the sweeper waits for Postgres", extra={"error": str(error.__cause__)})
                found = 0
            except Exception:
                log.exception("a sweep failed")
                found = 0
            if found < PER_ROUND:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ROUND_SECONDS):
                        await self._now.wait()

    async def _round(self) -> int:
        try:
            if not await self._line.is_primed():
                self._complete = False
                await self._prime()
            if not self._complete:
                await self._lay_line()
        except REDIS_AWAY:
            self._complete = False
        swept = await self._orphans.sweep(PER_ROUND)
        measuring.swept(swept.events)
        for owner, request, event in swept.events:
            self._announcer.say(announce(owner, event))
            log.warning(
                "abandoned order %s",
                event.status,
                extra={"order": str(event.order_id), "request": request, "code": event.details["code"]},
            )
        try:
            await self._queue(swept.waiting)
        except REDIS_AWAY:  # the book believes them looked after: as soon as Redis is back, all are looked at
            self._complete = False
        return swept.looked_at

    async def _prime(self) -> None:
        """Redis was lost, or is new: no start is granted before it knows those of the last minute."""
        if self._limit and await self._orphans.any_pending():
            await asyncio.sleep(GRANTS_LAND)
        ages = await self._orphans.recent_starts(WINDOW_MS / 1000, self._limit) if self._limit else []
        if await self._line.prime(ages) and ages:
            log.warning("Redis had forgotten the latest starts", extra={"starts": len(ages)})

    async def _lay_line(self) -> None:
        """Queue everything that waits in the book: at the start, and whenever the line may have holes."""
        below, queued = (datetime.min.replace(tzinfo=UTC), UUID(int=0)), 0
        while True:
            page, below = await self._orphans.waiting(below, PER_PAGE)
            queued += await self._queue(await self._misplaced(page))
            if len(page) < PER_PAGE:
                break
        self._complete = True
        if queued:
            log.warning("orders were missing from the line", extra={"queued": queued})

    async def _misplaced(self, waiting: list[Waiting]) -> list[Waiting]:
        found: set[str] = set()
        for submitted, orders in _by_line(waiting):
            found |= await self._line.misplaced(orders, submitted=submitted)
        return [one for one in waiting if str(one.id) in found]

    async def _queue(self, waiting: list[Waiting]) -> int:
        """Queue those of them that are not; how many were not."""

        def fill(pipe: Pipeline) -> None:
            for submitted, orders in _by_line(waiting):
                self._line.put(pipe, orders, submitted=submitted)

        answers = await pipelined(self._redis, fill) if waiting else []
        missing = sum(added for answer in answers for added, _ in self._line.put_answer(answer))
        metrics.SWEPT.labels("not queued").inc(missing)
        return missing


def _by_line(waiting: list[Waiting]) -> list[tuple[bool, dict[str, float]]]:
    """Whether they are submitted, and those that are, with the seconds in which they are due; and so the others."""
    lines = [
        (submitted, {str(one.id): one.ready_in for one in waiting if one.submitted is submitted})
        for submitted in (True, False)
    ]
    return [line for line in lines if line[1]]
