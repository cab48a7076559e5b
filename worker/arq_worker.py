"""An arq worker with its own main loop: it is woken instead of polling, and takes everything that is due in one trip.

arq 0.28 keeps the signals, the task bookkeeping and the shutdown. Overridden are `main`, which arq has public by name
only (`tests/unit/test_arq_contract.py` fails if a release changes what is around it), and the running of a job:

- arq's own `run_job` counts tries and finishes a job even if another worker holds its lock by now. Here attempts are
  counted in Postgres, and `finish.lua` compares the lock's token.
- A job ends for the queue with a `JobResult`. A job that failed unexpectedly is queued again; Postgres decides.
- A slot is free when the order is done with, before its queue entry is removed.
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
from app.orders.queue.order_queue import STARTS, WAKEUP, Job, JobResult, OrderQueue, TakeResult
from app.redis_client import REDIS_UNAVAILABLE
from app.redis_scripts import PipelinedConnection
from app.tasks import cancel_and_wait, run_forever

log = logging.getLogger("engine.worker")

MAX_IDLE_SECONDS = 1.0  # the locks of dead workers expire without a wake-up
NO_START_SECONDS = 0.25  # between looks while the limit allows no start; checks must not wait longer
MAY_NOT_RUN_SECONDS = 0.25  # between looks whether it may take orders
PRIMING_SECONDS = 0.05  # between looks while Redis is being restored
HEARTBEAT_SECONDS = 1.0
REDIS_RETRY_SECONDS = 0.5
FINISH_SECONDS = 1.0  # at shutdown, for jobs to leave the queue once their orders are released
REQUEUE_SECONDS = 1.0  # after a job that failed unexpectedly
LOCK_MARGIN_SECONDS = 0.25


class Execute(Protocol):
    async def __call__(self, order: str, *, start_by: float) -> JobResult:
        """Take the order as far as it goes now; the answer says what the queue does with it."""


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
        redis_lost: Callable[[], None],
        may_start: Callable[[], bool],
        dropped_halted: Callable[[str], None],
        may_run: Callable[[], bool],
        signals: bool = True,
    ) -> None:
        super().__init__(
            functions=[func(cast("Any", execute), name="execute")],
            redis_pool=redis,
            queue_name=STARTS,
            max_jobs=concurrency,
            job_completion_wait=grace_seconds,  # type: ignore[arg-type]
            handle_signals=signals,
        )
        self.token = secrets.token_hex(8)  # this worker's, in the locks it takes
        self._execute = execute
        self._queue = queue
        self._wakeups = PipelinedConnection(redis.connection_pool)  # of its own: a call that waits holds up the next
        self._redis_lost = redis_lost
        self._may_start = may_start
        self._dropped_halted = dropped_halted
        self._may_run = may_run
        self._lease_seconds = lease_seconds
        # Locks and leases are renewed apart: a lease renewed just before its lock's turn must not outlive the lock.
        self.lock_seconds = lease_seconds * 4 / 3 + LOCK_MARGIN_SECONDS
        self._slot_freed = asyncio.Event()
        self._finish: Batcher[tuple[Job, JobResult], None] = Batcher(self._finish_all)

    async def work(self) -> None:
        """Run until stopped by a signal; then every order in progress is finished or released."""
        helpers = [
            run_forever("locks", self._renew_locks),
            run_forever("heartbeat", self._send_heartbeats),
        ]
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._run()
        finally:
            self._wakeups.close()
            await cancel_and_wait(*helpers)
            with contextlib.suppress(TimeoutError):  # Redis is down; Postgres has the orders released already
                async with asyncio.timeout(FINISH_SECONDS):
                    while self.tasks:
                        await asyncio.wait(list(self.tasks.values()))
                    await self._finish.settled()
            with contextlib.suppress(*REDIS_UNAVAILABLE):
                async with asyncio.timeout(1):
                    await self._queue.heartbeat(token=self.token, running=0, stopped=True)

    async def _run(self) -> None:
        """arq's loop, again after each loss of Redis. Orders in progress continue meanwhile."""
        while True:
            try:
                await self.async_run()
            except REDIS_UNAVAILABLE as error:
                log.warning("the worker waits for Redis", extra={"error": str(error)})
                await asyncio.sleep(REDIS_RETRY_SECONDS)
                if not self.allow_pick_jobs and not self.tasks:
                    return

    async def main(self) -> None:
        """In place of arq's, which polls the queue at intervals and reads each job by itself."""
        while self.allow_pick_jobs:
            if not self._may_run():
                await asyncio.sleep(MAY_NOT_RUN_SECONDS)
            elif self.job_counter < self.max_jobs:
                await self._wait_for_work(await self._take())
            else:
                self._slot_freed.clear()
                await self._slot_freed.wait()
        while self.tasks:
            await asyncio.wait(list(self.tasks.values()))
        raise asyncio.CancelledError  # everything is finished or released; arq's own cancel can get lost

    async def _take(self) -> TakeResult:
        taken = await self._queue.take(
            self.max_jobs - self.job_counter,
            token=self.token,
            lock_seconds=self.lock_seconds,
            may_start=self._may_start(),
        )
        for job in taken.jobs:
            self.job_counter += 1
            self.tasks[job.entry] = task = self.loop.create_task(self._run_job(job))
            task.add_done_callback(partial(self._remove_task, job.entry))
        if not taken.primed:
            self._redis_lost()
        return taken

    async def _wait_for_work(self, taken: TakeResult) -> None:
        if taken.jobs:
            return
        if not taken.primed or taken.next_start_in > 0:
            await asyncio.sleep(min(taken.next_start_in or PRIMING_SECONDS, NO_START_SECONDS))
        else:
            idle = MAX_IDLE_SECONDS if taken.due_in is None else min(taken.due_in, MAX_IDLE_SECONDS)
            await self._wakeups.call("BLPOP", WAKEUP, max(idle, 0.001))

    def _remove_task(self, entry: str, task: asyncio.Task[None]) -> None:
        if self.tasks.get(entry) is task:
            del self.tasks[entry]

    async def _run_job(self, job: Job) -> None:
        result = JobResult(requeue_in=REQUEUE_SECONDS)
        try:
            if job.order:
                result = await self._execute(job.order, start_by=job.start_by)
            else:  # somebody else has written it
                result = JobResult(start_used=False)
        except asyncio.CancelledError:
            pass  # stopped while claiming
        except Exception:
            log.exception("a job failed", extra={"order": job.order})
        finally:
            self.job_counter -= 1
            self._slot_freed.set()
        try:
            await self._finish((job, result))
        except REDIS_UNAVAILABLE as error:  # the lock expires, or the sweeper finds the order
            log.warning("lost Redis during a job", extra={"order": job.order, "error": str(error)})
        if result.halted_owner is not None:  # only now: the order must not be queued again before it was dropped
            self._dropped_halted(result.halted_owner)

    async def _finish_all(self, jobs: list[tuple[Job, JobResult]]) -> list[None]:
        await self._queue.finish(jobs, token=self.token)
        return [None] * len(jobs)

    async def _renew_locks(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            with contextlib.suppress(*REDIS_UNAVAILABLE):
                if self.tasks:
                    await self._queue.renew_locks(list(self.tasks), token=self.token, lock_seconds=self.lock_seconds)

    async def _send_heartbeats(self) -> None:
        while True:
            with contextlib.suppress(*REDIS_UNAVAILABLE):
                if not await self._queue.heartbeat(token=self.token, running=min(len(self.tasks), self.max_jobs)):
                    self._redis_lost()
            await asyncio.sleep(HEARTBEAT_SECONDS)
