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
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.queue.order_queue import WINDOW_MS, OrderQueue
from app.orders.store.sweep import SweepStore, Waiting
from app.postgres import DatabaseUnavailable
from app.redis_client import REDIS_UNAVAILABLE
from app.redis_scripts import pipelined
from worker import order_metrics

log = logging.getLogger("engine.recovery")

ROUND_SECONDS = 1.0
PER_ROUND = 500
PER_PAGE = 1_000
GRANTS_LAND = 0.5  # seconds in which a start that was granted before Redis forgot it reaches the book


class Sweeper:
    """`redis` is one that fails at once: the book is swept whatever Redis does."""

    def __init__(
        self, *, orphans: SweepStore, redis: Redis, queue: OrderQueue, publisher: EventPublisher, starts_per_minute: int
    ) -> None:
        self._orphans = orphans
        self._redis = redis
        self._queue = queue
        self._publisher = publisher
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
            except DatabaseUnavailable as error:
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
            if not await self._queue.is_primed():
                self._complete = False
                await self._prime()
            if not self._complete:
                await self._lay_line()
        except REDIS_UNAVAILABLE:
            self._complete = False
        swept = await self._orphans.sweep(PER_ROUND)
        order_metrics.swept(swept.events)
        for owner, request, event in swept.events:
            self._publisher.publish(EventMessage.of(owner, event))
            log.warning(
                "abandoned order %s",
                event.status,
                extra={"order": str(event.order_id), "request": request, "code": event.details["code"]},
            )
        try:
            await self._enqueue(swept.waiting)
        except REDIS_UNAVAILABLE:  # the book believes them looked after: as soon as Redis is back, all are looked at
            self._complete = False
        return swept.looked_at

    async def _prime(self) -> None:
        """Redis was lost, or is new: no start is granted before it knows those of the last minute."""
        if self._limit and await self._orphans.any_pending():
            await asyncio.sleep(GRANTS_LAND)
        ages = await self._orphans.recent_starts(WINDOW_MS / 1000, self._limit) if self._limit else []
        if await self._queue.prime(ages) and ages:
            log.warning("Redis had forgotten the latest starts", extra={"starts": len(ages)})

    async def _lay_line(self) -> None:
        """Queue everything that waits in the book: at the start, and whenever the line may have holes."""
        below, queued = (datetime.min.replace(tzinfo=UTC), UUID(int=0)), 0
        while True:
            page, below = await self._orphans.waiting(below, PER_PAGE)
            queued += await self._enqueue(await self._misplaced(page))
            if len(page) < PER_PAGE:
                break
        self._complete = True
        if queued:
            log.warning("orders were missing from the line", extra={"queued": queued})

    async def _misplaced(self, waiting: list[Waiting]) -> list[Waiting]:
        found: set[str] = set()
        for submitted, orders in _by_line(waiting):
            found |= await self._queue.misplaced(orders, submitted=submitted)
        return [one for one in waiting if str(one.id) in found]

    async def _enqueue(self, waiting: list[Waiting]) -> int:
        """Queue those of them that are not; how many were not."""

        def fill(pipe: Pipeline) -> None:
            for submitted, orders in _by_line(waiting):
                self._queue.enqueue(pipe, orders, submitted=submitted)

        answers = await pipelined(self._redis, fill) if waiting else []
        missing = sum(added for answer in answers for added, _ in self._queue.parse_enqueued(answer))
        metrics.SWEPT.labels("not queued").inc(missing)
        return missing


def _by_line(waiting: list[Waiting]) -> list[tuple[bool, dict[str, float]]]:
    """Whether they are submitted, and those that are, with the seconds in which they are due; and so the others."""
    lines = [
        (submitted, {str(one.id): one.ready_in for one in waiting if one.submitted is submitted})
        for submitted in (True, False)
    ]
    return [queue for queue in lines if queue[1]]
