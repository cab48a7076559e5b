"""The queue of orders in Redis: what is next, what may start, which worker holds it. It names every key and script.

Queued means: a member of a sorted set, scored by when it is due on Redis's clock. All of it can be lost at any time;
`worker/sweeper.py` rebuilds it from Postgres.
"""

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from arq.constants import in_progress_key_prefix
from redis.asyncio import Redis

from app.orders.queue.lanes import Lane, lane_in, order_in
from app.orders.queue.redis_clock import RedisClock
from app.orders.queue.start_limit import GRANT_SECONDS, JUMP_MS, StartLimit
from app.redis_scripts import Argument, Pipeline, Script


def _script(*names: str) -> Script:
    return Script(*(Path(__file__).with_name(f"{name}.lua") for name in names))


DEPTH = _script("lanes", "depth")
ENQUEUE = _script("lanes", "starts_in", "enqueue")
FINISH = _script("lanes", "finish")
HEARTBEAT = _script("heartbeat")
PRIME = _script("server", "prime")
RENEW_LOCKS = _script("renew_locks")
TAKE = _script("server", "clock", "lanes", "take")

LANES = "engine:lane:"  # with the number of a lane: the orders that wait for a start in it, and two keys beside it
STARTS = (
    "engine:starts"  # orders that will wait for a start: taken ones, until their lock expires, and after an attempt
)
CHECKS = "engine:checks"  # submitted orders that wait for a check of the chain: taken first, need no start
WINDOW = "engine:window"  # the starts granted lately
CLOCK = "engine:clock"  # Redis's clock when the window was last looked at
WAKEUP = "engine:wakeup"  # a list that idle workers block on
WORKERS = "engine:workers"  # live workers, by when their heartbeat expires
RUNNING = "engine:running"  # how many orders each of them runs
MARKER = "@primed:"  # with the server: a member of STARTS, never due. If it is missing, this Redis may have lost data
PRIMING = "engine:priming"  # the loss of data after which Redis has to be primed
WRITABLE = "engine:writable"  # written to find out whether Redis takes writes
SLOT = "engine:slot"  # which of ten starts in a row is next
QUEUE_KEYS = (
    *(STARTS, WINDOW, PRIMING, CHECKS, WAKEUP, WORKERS, RUNNING, CLOCK, SLOT),
    *(f"{LANES}{lane:d}{part}" for lane in Lane for part in ("", ":owners", ":turns")),
)

CLOCK_SKEW_MS = 1_000  # allowed between the clocks of Postgres and Redis
HEARTBEAT_MS = 3_000  # after which a worker that has sent no other one counts as dead
MAX_WAKEUPS = 63  # entries in the wake-up list; one worker takes everything that is due

log = logging.getLogger("engine.queue")


@dataclass(frozen=True, slots=True)
class Job:
    """A queue entry that this worker has taken."""

    entry: str
    order: str | None  # None: the entry names none
    grant: str  # of its start; '': there is none
    start_by: float  # until when its order may start, on the monotonic clock; -inf: never, it was taken from CHECKS


@dataclass(frozen=True, slots=True)
class JobResult:
    """What the queue does with a job that ended: drop it, or queue it again."""

    requeue_in: float | None = None  # seconds; None: drop it
    submitted: bool = False  # queue it in CHECKS
    start_used: bool = True  # False: nothing was started, and nothing will be, so the grant is given back
    halted_owner: str | None = None  # dropped until the kill switch no longer halts this owner; then queued again


@dataclass(frozen=True, slots=True)
class TakeResult:
    jobs: Sequence[Job]
    next_start_in: float  # seconds until another start can be granted; 0: now
    due_in: float | None  # seconds until the next entry becomes due; None: no entry will
    primed: bool  # False: Redis has lost its data, and no start is granted until it is restored


@dataclass(frozen=True, slots=True)
class QueueDepth:
    waiting: int
    lanes: Mapping[Lane, int]  # of these, the orders that wait for a start
    running: int
    workers: int
    starts_left: int | None  # None: no limit
    oldest_seconds: float  # how long the first entry has been due


class OrderQueue:
    """The queue, as one process uses it."""

    def __init__(self, redis: Redis, start_limit: StartLimit) -> None:
        self._redis = redis
        self._start_limit = start_limit
        self._clock = RedisClock()

    def enqueue_new(self, pipe: Pipeline, entries: Sequence[str]) -> None:
        """Queue orders that were just placed as part of a pipeline; its answer goes to `parse_enqueued`."""
        self._add_enqueue(pipe, "new", dict.fromkeys(entries, 0.0))

    def enqueue(self, pipe: Pipeline, entries: Mapping[str, float], *, submitted: bool = False) -> None:
        """Queue orders, wherever they are now, each due in so many seconds."""
        self._add_enqueue(pipe, "submitted" if submitted else "", entries)

    def _add_enqueue(self, pipe: Pipeline, which: str, entries: Mapping[str, float]) -> None:
        arguments: list[Argument] = [MAX_WAKEUPS, which, self._start_limit.starts, self._start_limit.window_ms]
        for entry, due_in in entries.items():
            arguments += (entry, int(due_in * 1000))
        ENQUEUE.add_to(pipe, [CHECKS, STARTS, WAKEUP, WINDOW], arguments)

    @staticmethod
    def parse_enqueued(answer: Sequence[int]) -> list[tuple[bool, int]]:
        """For each order: whether it was missing from the queue, and in how many ms it can start."""
        return [(bool(added), starts_in) for added, starts_in in zip(answer[::2], answer[1::2], strict=True)]

    async def take(self, limit: int, *, token: str, lock_seconds: float, may_start: bool = True) -> TakeResult:
        """Up to `limit` entries that are due, locked with this worker's token, with the starts they need.

        Without `may_start` only checks are taken.
        """
        sent = time.monotonic()
        next_start, due, primed, now, epoch, *flat = await TAKE.call(
            self._redis,
            [CHECKS, STARTS, WINDOW, CLOCK, SLOT],
            [
                *(limit, int(lock_seconds * 1000), in_progress_key_prefix, token),
                *(self._start_limit.starts, self._start_limit.window_ms, MARKER, int(may_start)),
                *(JUMP_MS, self._clock.expected(sent), self._clock.epoch),
            ],
        )
        self._clock.read(now, epoch.decode(), sent=sent, received=time.monotonic())
        start_by = sent + GRANT_SECONDS if self._start_limit.starts else math.inf
        jobs = []
        for queue, name, grant in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            try:
                entry = name.decode()
                job = Job(entry, _order_of(entry), grant.decode(), -math.inf if queue == 1 else start_by)
            except UnicodeDecodeError:
                await self._drop(name, grant)
                continue
            jobs.append(job)
        return TakeResult(jobs, next_start / 1000, None if due < 0 else due / 1000, bool(primed))

    async def _drop(self, entry: bytes, grant: bytes) -> None:
        """An entry that is not ours, and cannot be a job. Its lock expires."""
        log.warning("dropped a queue entry that is not an order", extra={"entry": repr(entry[:64])})
        for key, member in ((STARTS, entry), (CHECKS, entry), (WINDOW, grant)):
            await self._redis.zrem(key, member)

    async def finish(self, results: Sequence[tuple[Job, JobResult]], *, token: str) -> None:
        """Drop jobs or queue them again. A job whose lock another worker holds by now is left alone."""
        arguments: list[Argument] = [token, MAX_WAKEUPS]
        for job, result in results:
            grant = "" if result.start_used else job.grant
            if result.requeue_in is None:
                arguments += (job.entry, 0, 0, grant)
            else:
                arguments += (job.entry, 1 if result.submitted else 2, int(result.requeue_in * 1000), grant)
        keys = [CHECKS, STARTS, WINDOW, WAKEUP, *(_lock_of(job.entry) for job, _ in results)]
        await FINISH.call(self._redis, keys, arguments)

    async def renew_locks(self, entries: Sequence[str], *, token: str, lock_seconds: float) -> None:
        locks = [_lock_of(entry) for entry in entries]
        await RENEW_LOCKS.call(self._redis, [CHECKS, STARTS, *locks], [token, int(lock_seconds * 1000), *entries])

    async def loss(self) -> str:
        """Names the loss of data after which Redis was not primed yet; '': it is primed."""
        return await self._prime("", [])

    async def prime(self, loss: str, ages: Sequence[float]) -> bool:
        """Restore the window from the ages of the latest starts, in seconds. False: data was lost again meanwhile."""
        return not await self._prime(loss, ages)

    async def _prime(self, loss: str, ages: Sequence[float]) -> str:
        arguments: list[Argument] = [MARKER, self._start_limit.window_ms, loss, *(int(age * 1000) for age in ages)]
        answer: bytes = await PRIME.call(self._redis, QUEUE_KEYS, arguments)
        return answer.decode()

    async def misplaced(self, entries: Mapping[str, float], *, submitted: bool = False) -> set[str]:
        """Which of them are missing, in the wrong sorted set, or due later than in so many seconds."""
        lanes = {f"{LANES}{lane_in(entry):d}" for entry in entries}
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for key in (CHECKS, STARTS, *lanes):
            pipe.zmscore(key, list(entries))
        (seconds, microseconds), checks, *starts = await pipe.execute()
        now = seconds * 1000 + microseconds / 1000
        wrong = set()
        for (entry, due_in), check, *start in zip(entries.items(), checks, *starts, strict=True):
            here, there = ([check], start) if submitted else (start, [check])
            due = min((score for score in here if score is not None), default=math.inf)
            if due > now + due_in * 1000 + CLOCK_SKEW_MS or any(score is not None for score in there):
                wrong.add(entry)
        return wrong

    async def heartbeat(self, *, token: str, running: int, stopped: bool = False) -> bool:
        """This worker lives, or has stopped. False: Redis's clock was set back, and its times are wrong."""
        arguments: list[Argument] = [token, running, 0 if stopped else HEARTBEAT_MS, HEARTBEAT_MS]
        return bool(await HEARTBEAT.call(self._redis, [WORKERS, RUNNING], arguments))

    async def depth(self) -> QueueDepth:
        starts, checks, granted, workers, running, waited, *lanes = await DEPTH.call(
            self._redis,
            [STARTS, CHECKS, WINDOW, WORKERS, RUNNING, WRITABLE],
            [self._start_limit.window_ms, HEARTBEAT_MS],
        )
        limit = self._start_limit.starts
        return QueueDepth(
            waiting=max(0, starts + checks + sum(lanes) - running),
            lanes=dict(zip(Lane, lanes, strict=True)),
            running=running,
            workers=workers,
            starts_left=max(0, limit - granted) if limit else None,
            oldest_seconds=waited / 1000,
        )


def _lock_of(entry: str) -> str:
    return in_progress_key_prefix + order_in(entry)


def _order_of(entry: str) -> str | None:
    try:
        return str(UUID(order_in(entry)))
    except ValueError:
        return None
