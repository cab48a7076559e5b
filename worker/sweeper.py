"""The sweeper finds the orders that no worker owns and queues them again: at the start, then once a second.

- Every worker runs one. Two at once do no harm: a row that one examines is skipped by the other.
- Postgres is swept whatever Redis does; the Redis client used here fails at once.
- After a server's clock was set back, times in the future are mended. Redis's own are in the scripts.
- Orders of an owner who is halted are not queued. Once the kill switch is lifted, the queue is completed at once.
- After Redis has lost data, or may have, the queue and the start limit's window are rebuilt from Postgres before the
  next start.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from redis.asyncio import Redis

from app import metrics
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.kill_switch.switch import KillSwitch
from app.orders.queue.lanes import queue_entry
from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import GRANT_SECONDS, StartLimit
from app.orders.store.sweep import QueuedOrder, SweepStore
from app.postgres.errors import DatabaseUnavailable
from app.redis_client import REDIS_UNAVAILABLE
from app.redis_scripts import Pipeline, pipelined
from worker import order_metrics

log = logging.getLogger("engine.sweeper")

ROUND_SECONDS = 1.0
MAX_PER_ROUND = 500
PAGE_SIZE = 1_000
EXPIRY_SECONDS = GRANT_SECONDS + 0.1  # after this, no grant that was given before can start an order


class Sweeper:
    def __init__(
        self,
        *,
        store: SweepStore,
        redis: Redis,
        queue: OrderQueue,
        publisher: EventPublisher,
        start_limit: StartLimit,
        kill_switch: KillSwitch,
    ) -> None:
        self._store = store
        self._redis = redis
        self._queue = queue
        self._publisher = publisher
        self._start_limit = start_limit
        self._kill_switch = kill_switch
        self._dropped: set[str] = set()  # halted owners whose orders this worker has dropped from the queue
        self._round_now = asyncio.Event()
        self._complete = False  # whether the queue holds every order it should, as far as this sweeper knows
        self._in_future = False  # whether orders may have times that lie in the future
        self._writers = set[int]()  # the processes of Postgres whose writes priming waits for, as the log has them

    def redis_lost(self) -> None:
        """Redis has lost its data: start a round at once."""
        self._complete = False
        self._round_now.set()

    def starts_again(self) -> None:
        """Orders may start again: queue those that were dropped."""
        self._round_now.set()

    def dropped_halted(self, owner: str) -> None:
        """The worker has dropped an order of this owner from the queue."""
        self._dropped.add(owner)
        if not self._kill_switch.holds(owner):  # it was halted or released just now
            self._round_now.set()

    async def run(self, may_run: Callable[[], bool]) -> None:
        while True:
            self._round_now.clear()
            try:
                examined = await self.round() if may_run() else 0
            except DatabaseUnavailable as error:
                log.warning("the sweeper waits for Postgres", extra={"error": str(error.__cause__)})
                examined = 0
            except Exception:
                log.exception("a sweep failed")
                examined = 0
            if examined < MAX_PER_ROUND:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(ROUND_SECONDS):
                        await self._round_now.wait()

    async def round(self) -> int:
        """One round; how many orders it examined."""
        await self._read_kill_switch()
        if await self._store.clock_was_set_back():
            self._complete, self._in_future = False, True
        if self._in_future and (mended := await self._store.mend_times()):
            self._complete = False
            log.warning("the clock of Postgres was set back, its orders were mended", extra={"orders": mended})
        self._in_future = self._in_future and await self._store.any_in_future()
        try:
            if loss := await self._queue.loss():
                self._complete = False
                await self._prime(loss)
            if not self._complete:
                await self._rebuild_queue()
        except REDIS_UNAVAILABLE:
            self._complete = False
        swept = await self._store.sweep(MAX_PER_ROUND)
        order_metrics.swept(swept.events)
        for owner, request, event in swept.events:
            self._publisher.publish(EventMessage.of(owner, event))
            log.warning(
                "abandoned order %s",
                event.status,
                extra={"order": str(event.order_id), "request": request, "code": event.details["code"]},
            )
        try:
            await self._enqueue(swept.to_queue)
        except REDIS_UNAVAILABLE:  # Postgres has them down as examined: when Redis is back, all are checked
            self._complete = False
        return swept.examined

    async def _read_kill_switch(self) -> None:
        lifted = await self._kill_switch.read()
        # An order may have been dropped after its owner was released, for a claim that was refused before.
        freed = {owner for owner in self._dropped if not self._kill_switch.holds(owner)}
        if lifted or freed:
            self._complete = False
            self._dropped -= freed

    async def _prime(self, loss: str) -> None:
        """Redis is new, was restarted, or has lost its data: it learns the latest starts before it grants another."""
        limit, ages = self._start_limit, list[float]()
        if limit.starts:
            if await self._store.any_under_way():  # a worker may hold a grant of before
                await asyncio.sleep(EXPIRY_SECONDS)
                writers = await self._store.writes_end(ROUND_SECONDS)
                if writers - self._writers:
                    log.warning(
                        "no order starts: a write to Postgres does not end",
                        extra={"writes": await self._store.blockers(writers)},
                    )
                self._writers = writers
                if writers:  # it may hold a start; the next round tries again
                    return
            ages = await self._store.recent_starts(limit.window_ms / 1000, limit.starts)
        if await self._queue.prime(loss, ages) and ages:
            log.warning("Redis may have lost starts, restored from Postgres", extra={"starts": len(ages)})

    async def _rebuild_queue(self) -> None:
        """Queue every order that should be queued and is not."""
        after, queued = (datetime.min.replace(tzinfo=UTC), UUID(int=0)), 0
        while True:
            page, after = await self._store.all_queued(after, PAGE_SIZE)
            queued += await self._enqueue(await self._misplaced(page))
            if len(page) < PAGE_SIZE:
                break
        self._complete = True
        if queued:
            log.warning("orders were missing from the queue", extra={"queued": queued})

    async def _misplaced(self, orders: Sequence[QueuedOrder]) -> list[QueuedOrder]:
        found: set[str] = set()
        for submitted, entries in _by_queue(orders):
            found |= await self._queue.misplaced(entries, submitted=submitted)
        return [order for order in orders if _entry(order) in found]

    async def _enqueue(self, orders: Sequence[QueuedOrder]) -> int:
        """How many of them were missing from the queue."""

        def fill(pipe: Pipeline) -> None:
            for submitted, entries in _by_queue(orders):
                self._queue.enqueue(pipe, entries, submitted=submitted)

        answers = await pipelined(self._redis, fill) if orders else []
        missing = sum(added for answer in answers for added, _ in self._queue.parse_enqueued(answer))
        metrics.SWEPT.labels("not queued").inc(missing)
        return missing


def _entry(order: QueuedOrder) -> str:
    return queue_entry(str(order.id), order.type, order.owner)


def _by_queue(orders: Sequence[QueuedOrder]) -> list[tuple[bool, dict[str, float]]]:
    """Submitted orders and the others apart: (submitted, queue entry → due in seconds)."""
    groups = [
        (submitted, {_entry(order): order.due_in for order in orders if order.submitted is submitted})
        for submitted in (True, False)
    ]
    return [group for group in groups if group[1]]
