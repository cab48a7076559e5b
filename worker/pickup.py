"""An arq worker that is woken instead of polling, and takes all that is due, with its starts, in one trip.

It builds on `start_jobs`, `run_job`, `finish_job` and `heart_beat` of arq 0.28, which are public by name only:
`tests/unit/test_arq_contract.py` fails if a release changes them.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio.client import Pipeline

from app.background import ended, lasting
from app.batching import Batcher
from app.connections import REDIS_AWAY
from app.orders.queue import BELL, JOB, STARTS, Line, Taken, deserialize, serialize
from app.orders.scripts import pipelined

log = logging.getLogger("engine.pickup")

IDLE_SECONDS = 1.0  # the longest nap: locks of dead workers expire without ringing
CROWDED_SECONDS = 0.25  # between looks while no start is to be had; checks must not wait longer
PULSE_SECONDS = 1.0
REDIS_AWAY_SECONDS = 0.5
LAST_WORDS_SECONDS = 1.0  # for jobs to leave the line once their orders are handed back
LOCK_MARGIN = 0.25
NO_TRY_LIMIT = 1_000_000  # attempts are counted in the book; arq's own count must never end an order


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended for the line: out of it, or back into it in `again_in` seconds."""

    again_in: float | None = None
    submitted: bool = False
    started: bool = True  # False: the grant started nothing and is given back


@dataclass(frozen=True, slots=True)
class _Finished:
    order: str
    grant: str
    ending: Ending


class Pickup(Worker):
    def __init__(
        self,
        execute: Callable[[str], Awaitable[Ending]],
        *,
        redis: ArqRedis,
        line: Line,
        concurrency: int,
        lease_seconds: float,
        grace_seconds: float,
        unprimed: Callable[[], None],
        signals: bool = True,
    ) -> None:
        super().__init__(
            functions=[func(cast("Any", self._execute), name=JOB, timeout=None, max_tries=NO_TRY_LIMIT, keep_result=0)],
            redis_pool=redis,
            queue_name=STARTS,
            max_jobs=concurrency,
            max_tries=NO_TRY_LIMIT,
            keep_result=0,
            job_timeout=86_400,  # the limits are inside the job
            job_completion_wait=grace_seconds,  # type: ignore[arg-type]
            poll_delay=0,
            queue_read_limit=1,  # arq's own look at the queue is only a hint
            job_serializer=serialize,
            job_deserializer=deserialize,
            log_results=False,
            handle_signals=signals,
        )
        self.token = secrets.token_hex(8)
        self._run = execute
        self._line = line
        self._unprimed = unprimed
        self._lease_seconds = lease_seconds
        # Locks and leases are renewed apart: a lease renewed just before its lock's turn must not outlive it.
        self.lock_seconds = lease_seconds * 4 / 3 + LOCK_MARGIN
        self._grants: dict[str, str] = {}
        self._endings: dict[str, Ending] = {}
        self._freed = asyncio.Event()
        self._taken = Taken((), 0.0, None, True)
        self._finish: Batcher[_Finished, None] = Batcher(self._finish_all)
        self._helpers: list[asyncio.Task[None]] = []

    async def work(self) -> None:
        """Run until told to stop; then everything in hand is finished or handed back."""
        self._helpers = [
            lasting("locks", self._keep_locks),
            lasting("pulse", self._pulse),
        ]
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._run_for_ever()
        finally:
            await ended(*self._helpers)
            if self.tasks:  # with Redis away they would never end; the book has them back already
                await asyncio.wait(list(self.tasks.values()), timeout=LAST_WORDS_SECONDS)
            with contextlib.suppress(*REDIS_AWAY):
                async with asyncio.timeout(1):
                    await self._line.pulse(token=self.token, running=0, seconds=0)

    async def _run_for_ever(self) -> None:
        """Without Redis there is nothing to take; what is in hand goes on, and so does this when Redis is back."""
        while True:
            try:
                await self.async_run()
            except REDIS_AWAY as error:
                log.warning("the worker waits for Redis", extra={"error": str(error)})
                await asyncio.sleep(REDIS_AWAY_SECONDS)
                if not self.allow_pick_jobs and not self.tasks:
                    return

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """arq has seen the queue; what is taken is decided in one script that looks again."""
        self._taken = await self._line.take(
            self.max_jobs - self.job_counter, token=self.token, lock_seconds=self.lock_seconds
        )
        for order, grant in self._taken.jobs:
            self.job_counter += 1
            self._grants[order] = grant
            self.tasks[order] = task = self.loop.create_task(self.run_job(order, 0))
            task.add_done_callback(partial(self._free, order))
        if not self._taken.primed:
            self._unprimed()

    def _free(self, order: str, task: asyncio.Task[None]) -> None:
        self.job_counter -= 1
        if self.tasks.get(order) is task:  # arq would only notice in its next round
            del self.tasks[order]
        self._freed.set()

    async def _execute(self, context: dict[Any, Any], order: str) -> None:
        self._endings[context["job_id"]] = await self._run(order)

    async def run_job(self, job_id: str, score: int) -> None:
        try:
            await super().run_job(job_id, score)
        except REDIS_AWAY as error:  # the lock expires, or the sweeper finds the order
            log.warning("lost Redis during a job", extra={"order": job_id, "error": str(error)})

    async def finish_job(self, job_id: str, *_: Any, **__: Any) -> None:
        """Instead of arq's, which would delete the state of whoever holds the job by now."""
        # A job that failed says nothing of its ending: it goes back in line, and the book decides.
        ending = self._endings.pop(job_id, Ending(again_in=1.0))
        await self._finish(_Finished(job_id, self._grants.pop(job_id, ""), ending))

    async def finish_failed_job(self, job_id: str, result_data: bytes | None) -> None:
        """arq found no job under the id. The book knows the order, if it is one."""
        await self._finish(_Finished(job_id, self._grants.pop(job_id, ""), Ending(started=False)))

    async def _finish_all(self, finished: list[_Finished]) -> list[None]:
        def fill(pipe: Pipeline) -> None:
            for one in finished:
                self._line.finish(
                    pipe,
                    one.order,
                    token=self.token,
                    again_in=one.ending.again_in,
                    submitted=one.ending.submitted,
                    give_back="" if one.ending.started else one.grant,
                )

        await pipelined(self.pool, fill)
        return [None] * len(finished)

    async def heart_beat(self) -> None:
        """arq calls this at the end of every round: here the worker rests until there is a reason not to."""
        taken, self._taken = self._taken, Taken((), 0.0, None, True)
        if not self.allow_pick_jobs:
            if not self.tasks:
                raise asyncio.CancelledError  # all is finished or handed back; arq's own cancel can get lost
            await asyncio.sleep(0.05)
        elif self.job_counter >= self.max_jobs:
            self._freed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._freed.wait()
        elif taken.jobs:
            return
        elif not taken.primed or taken.room_in > 0:
            await asyncio.sleep(min(taken.room_in or 0.05, CROWDED_SECONDS))
        else:
            nap = IDLE_SECONDS if taken.due_in is None else min(taken.due_in, IDLE_SECONDS)
            await self.pool.blpop([BELL], timeout=cast("int", max(nap, 0.001)))  # type: ignore[misc]

    async def _keep_locks(self) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            with contextlib.suppress(*REDIS_AWAY):
                if self.tasks:
                    await self._line.renew(list(self.tasks), token=self.token, lock_seconds=self.lock_seconds)

    async def _pulse(self) -> None:
        while True:
            with contextlib.suppress(*REDIS_AWAY):
                await self._line.pulse(token=self.token, running=self.job_counter, seconds=3 * PULSE_SECONDS)
            await asyncio.sleep(PULSE_SECONDS)
