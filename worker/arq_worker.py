"""An arq worker that is woken instead of polling, and takes all that is due, with its starts, in one trip.

It runs jobs in a `main` of its own, which arq 0.28 has public by name only:
`tests/unit/test_arq_contract.py` fails if a release changes what is around them.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, cast

from arq.connections import ArqRedis
from arq.worker import Worker, func

from app.batching import Batcher
from app.orders.queue.order_queue import JOB, STARTS, WAKEUP, Ending, Job, OrderQueue, Taken, deserialize, serialize
from app.redis_client import REDIS_UNAVAILABLE
from app.tasks import cancel_and_wait, run_forever

log = logging.getLogger("engine.pickup")

IDLE_SECONDS = 1.0  # the longest nap: locks of dead workers expire without ringing
CROWDED_SECONDS = 0.25  # between looks while no start is to be had; checks must not wait longer
PULSE_SECONDS = 1.0
REDIS_RETRY_SECONDS = 0.5
LAST_WORDS_SECONDS = 1.0  # for jobs to leave the line once their orders are handed back
LOCK_MARGIN = 0.25


class Execute(Protocol):
    async def __call__(self, order: str, *, may_start: bool) -> Ending:
        """Take the order as far as it goes now; the answer says what the line should do with it."""


class ArqWorker(Worker):
    def __init__(
        self,
        execute: Execute,
        *,
        redis: ArqRedis,
        queue: OrderQueue,
        concurrency: int,
        lease_seconds: float,
        grace_seconds: float,
        unprimed: Callable[[], None],
        signals: bool = True,
    ) -> None:
        super().__init__(
            functions=[func(cast("Any", execute), name=JOB)],
            redis_pool=redis,
            queue_name=STARTS,
            max_jobs=concurrency,
            job_completion_wait=grace_seconds,  # type: ignore[arg-type]
            job_serializer=serialize,
            job_deserializer=deserialize,
            handle_signals=signals,
        )
        self.token = secrets.token_hex(8)
        self._run = execute
        self._queue = queue
        self._unprimed = unprimed
        self._lease_seconds = lease_seconds
        # Locks and leases are renewed apart: a lease renewed just before its lock's turn must not outlive it.
        self.lock_seconds = lease_seconds * 4 / 3 + LOCK_MARGIN
        self._freed = asyncio.Event()
        self._finish: Batcher[tuple[Job, Ending], None] = Batcher(self._finish_all)
        self._helpers: list[asyncio.Task[None]] = []

    async def work(self) -> None:
        """Run until told to stop; then everything in hand is finished or handed back."""
        self._helpers = [
            run_forever("locks", self._keep_locks),
            run_forever("pulse", self._pulse),
        ]
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._run_for_ever()
        finally:
            await cancel_and_wait(*self._helpers)
            with contextlib.suppress(TimeoutError):  # with Redis away; the book has the orders back already
                async with asyncio.timeout(LAST_WORDS_SECONDS):
                    while self.tasks:
                        await asyncio.wait(list(self.tasks.values()))
                    await self._finish.settled()
            with contextlib.suppress(*REDIS_UNAVAILABLE):
                async with asyncio.timeout(1):
                    await self._queue.heartbeat(token=self.token, running=0, seconds=0)

    async def _run_for_ever(self) -> None:
        """Without Redis there is nothing to take; what is in hand goes on, and so does this when Redis is back."""
        while True:
            try:
                await self.async_run()
            except REDIS_UNAVAILABLE as error:
                log.warning("the worker waits for Redis", extra={"error": str(error)})
                await asyncio.sleep(REDIS_RETRY_SECONDS)
                if not self.allow_pick_jobs and not self.tasks:
                    return

    async def main(self) -> None:
        """Instead of arq's, which looks at the line at intervals, and reads each job by itself."""
        while self.allow_pick_jobs:
            if self.job_counter < self.max_jobs:
                await self._rest(await self._take())
            else:
                self._freed.clear()
                await self._freed.wait()
        while self.tasks:
            await asyncio.wait(list(self.tasks.values()))
        raise asyncio.CancelledError  # all is finished or handed back; arq's own cancel can get lost

    async def _take(self) -> Taken:
        taken = await self._queue.take(
            self.max_jobs - self.job_counter, token=self.token, lock_seconds=self.lock_seconds
        )
        for job in taken.jobs:
            self.job_counter += 1
            self.tasks[job.id] = task = self.loop.create_task(self._run_job(job))
            task.add_done_callback(partial(self._gone, job.id))
        if not taken.primed:
            self._unprimed()
        return taken

    async def _rest(self, taken: Taken) -> None:
        """Until there is a reason to look again."""
        if taken.jobs:
            return
        if not taken.primed or taken.room_in > 0:
            await asyncio.sleep(min(taken.room_in or 0.05, CROWDED_SECONDS))
        else:
            nap = IDLE_SECONDS if taken.due_in is None else min(taken.due_in, IDLE_SECONDS)
            await self.pool.blpop([WAKEUP], timeout=cast("int", max(nap, 0.001)))  # type: ignore[misc]

    def _gone(self, job_id: str, task: asyncio.Task[None]) -> None:
        if self.tasks.get(job_id) is task:
            del self.tasks[job_id]

    async def _run_job(self, job: Job) -> None:
        """Instead of arq's `run_job`, which counts tries, and ends a job whoever holds it by now."""
        # A job that failed says nothing of its ending: it goes back in line, and the book decides.
        ending = Ending(again_in=1.0)
        try:
            # An id without a job: the book knows the order, if it is one.
            ending = await self._run(job.order, may_start=not job.is_check) if job.order else Ending(started=False)
        except asyncio.CancelledError:
            pass  # told to stop while claiming
        except Exception:
            log.exception("a job failed", extra={"order": job.order})
        finally:
            # The order is done with: the next one need not wait for this one to leave the line.
            self.job_counter -= 1
            self._freed.set()
        try:
            await self._finish((job, ending))
        except REDIS_UNAVAILABLE as error:  # the lock expires, or the sweeper finds the order
            log.warning("lost Redis during a job", extra={"order": job.order, "error": str(error)})

    async def _finish_all(self, jobs: list[tuple[Job, Ending]]) -> list[None]:
        await self._queue.finish(jobs, token=self.token)
        return [None] * len(jobs)

    async def _keep_locks(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            with contextlib.suppress(*REDIS_UNAVAILABLE):
                if self.tasks:
                    await self._queue.renew(list(self.tasks), token=self.token, lock_seconds=self.lock_seconds)

    async def _pulse(self) -> None:
        while True:
            with contextlib.suppress(*REDIS_UNAVAILABLE):
                await self._queue.heartbeat(
                    token=self.token, running=min(len(self.tasks), self.max_jobs), seconds=3 * PULSE_SECONDS
                )
            await asyncio.sleep(PULSE_SECONDS)
