"""The line of orders in Redis: who is next, who may start, who holds it. Every key and every script is named here.

Queued means: a member of a sorted set. Redis's own clock decides what is due, so producers' clocks do not matter.
The line can be lost at any time: the book knows how to lay it again (see `worker/sweeper.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix
from arq.jobs import DeserializationError, deserialize_job_raw, serialize_job
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from app.redis_scripts import Argument, Script

CLAIM, DEPTH, ENQUEUE, FINISH, HEARTBEAT, PRIME, RENEW = (
    Script(Path(__file__).with_name(f"{name}.lua"))
    for name in ("claim", "depth", "enqueue", "finish", "heartbeat", "prime", "renew")
)

STARTS = "engine:starts"  # in line for a start; this is arq's queue
CHECKS = "engine:checks"  # submitted: in line for the truth about their swap, ahead of all, without a start
WINDOW = "engine:window"  # the starts granted lately
WAKEUP = "engine:bell"  # wakes an idle worker
PAUSED = "engine:paused"  # set by an operator: no new starts
WORKERS = "engine:workers"  # who is alive, and until when
RUNNING = "engine:running"  # how many orders each of them runs
MARKER = "@primed"  # a member of the line that is never due: if it is gone, Redis has lost its memory
JOB = "execute"  # the function that the worker runs

WINDOW_MS = 61_000  # a minute, and as much as a busy machine may take from a grant to the start that the book sees
LATE_MS = 1_000  # as far as the clocks of Postgres and Redis may be apart
MAX_RINGS = 63  # more are of no use: whoever wakes takes all that is due


def serialize(job: dict[str, Any]) -> bytes:
    return orjson.dumps(job)


def deserialize(job: bytes) -> dict[str, Any]:
    return orjson.loads(job)  # type: ignore[no-any-return]


def job_of(order: str) -> bytes:
    """What stands under the order's id, as arq writes it: the function, and what it is called with."""
    return serialize_job(JOB, (order,), {}, None, 0, serializer=serialize)


def order_of(job: bytes) -> str | None:
    try:
        _, (order,), *_ = deserialize_job_raw(job, deserializer=deserialize)
    except (DeserializationError, ValueError, TypeError):
        return None
    return str(order)


@dataclass(frozen=True, slots=True)
class Job:
    """One that was taken: its id in the line, the order it is for, the grant of its start."""

    id: str
    order: str | None  # None: Redis knows the id, and nothing of it
    grant: str  # '': there is no limit
    is_check: bool  # it has no grant: its order may not be started, only asked after


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended for the line: out of it, or back into it in `again_in` seconds."""

    again_in: float | None = None
    submitted: bool = False
    started: bool = True  # False: the grant started nothing and is given back


@dataclass(frozen=True, slots=True)
class Taken:
    """What one trip to the line brought."""

    jobs: Sequence[Job]
    room_in: float  # seconds until the window has a start left; 0: it has
    due_in: float | None  # seconds until something is due; None: nothing known
    primed: bool  # False: Redis has lost its memory, and no start is granted until it is restored


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How the line stands."""

    waiting: int
    running: int
    workers: int
    starts_left: int | None  # None: no limit
    paused: bool
    oldest_seconds: float


class OrderQueue:
    """The queue as one process sees it."""

    def __init__(self, redis: Redis, *, starts_per_minute: int) -> None:
        self._redis = redis
        self._limit = starts_per_minute

    def enqueue(self, pipe: Pipeline, orders: Mapping[str, float], *, submitted: bool = False) -> None:
        """Queue orders, as part of a pipeline, each ready in so many seconds; see `parse_enqueued`."""
        mine, other = (CHECKS, STARTS) if submitted else (STARTS, CHECKS)
        arguments: list[Argument] = [MAX_RINGS, self._limit, WINDOW_MS]
        for order, ready_in in orders.items():
            arguments += (order, int(ready_in * 1000), job_of(order))
        ENQUEUE.add_to(pipe, [mine, other, WAKEUP, WINDOW, *(job_key_prefix + order for order in orders)], arguments)

    @staticmethod
    def parse_enqueued(answer: Sequence[int]) -> list[tuple[bool, int]]:
        """For each order: whether it was not in line before, and in how many ms it can start."""
        return [(bool(added), starts_in) for added, starts_in in zip(answer[::2], answer[1::2], strict=True)]

    async def take(self, want: int, *, token: str, lock_seconds: float) -> Taken:
        capacity, due, primed, *flat = await CLAIM.call(
            self._redis,
            [CHECKS, STARTS, WINDOW, PAUSED],
            [
                *(want, int(lock_seconds * 1000), in_progress_key_prefix, token),
                *(self._limit, WINDOW_MS, MARKER, job_key_prefix),
            ],
        )
        jobs = [
            Job(job_id.decode(), order_of(job) if job else None, grant.decode(), is_check=queue == 1)
            for queue, job_id, job, grant in zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)
        ]
        return Taken(jobs, capacity / 1000, None if due < 0 else due / 1000, bool(primed))

    async def finish(self, ended: Sequence[tuple[Job, Ending]], *, token: str) -> None:
        """Out of the line, or back into it; a grant that started nothing is given back."""
        keys = [CHECKS, STARTS, WINDOW, WAKEUP]
        arguments: list[Argument] = [token, MAX_RINGS]
        for job, ending in ended:
            keys += (in_progress_key_prefix + job.id, job_key_prefix + job.id, retry_key_prefix + job.id)
            grant = "" if ending.started else job.grant
            if ending.again_in is None:
                arguments += (job.id, 0, 0, grant, "")
            else:
                queue = 1 if ending.submitted else 2
                arguments += (job.id, queue, int(ending.again_in * 1000), grant, job_of(job.order or job.id))
        await FINISH.call(self._redis, keys, arguments)

    async def renew(self, orders: Sequence[str], *, token: str, lock_seconds: float) -> None:
        locks = [in_progress_key_prefix + order for order in orders]
        await RENEW.call(self._redis, [CHECKS, STARTS, *locks], [token, int(lock_seconds * 1000), *orders])

    async def prime(self, ages: Sequence[float]) -> bool:
        """Restore the window from the ages of the latest starts; False: it was done already."""
        arguments: list[str | int] = [MARKER, WINDOW_MS, *(int(age * 1000) for age in ages)]
        return bool(await PRIME.call(self._redis, [STARTS, WINDOW], arguments))

    async def misplaced(self, orders: Mapping[str, float], *, submitted: bool = False) -> set[str]:
        """Those of them that are not in their line, are in the other one, or are due later than in so many seconds."""
        mine, other = (CHECKS, STARTS) if submitted else (STARTS, CHECKS)
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        for queue in (mine, other):
            pipe.zmscore(queue, list(orders))
        (seconds, microseconds), here, there = await pipe.execute()
        now = seconds * 1000 + microseconds / 1000
        return {
            order
            for (order, due_in), score, elsewhere in zip(orders.items(), here, there, strict=True)
            if score is None or score > now + due_in * 1000 + LATE_MS or elsewhere is not None
        }

    async def is_primed(self) -> bool:
        return await self._redis.zscore(STARTS, MARKER) is not None

    async def heartbeat(self, *, token: str, running: int, seconds: float) -> None:
        """This worker lives, for `seconds` from now; 0: it leaves."""
        await HEARTBEAT.call(self._redis, [WORKERS, RUNNING], [token, running, int(seconds * 1000)])

    async def depth(self) -> QueueDepth:
        """How the line stands now, by Redis's clock."""
        starts, checks, granted, paused, workers, running, waited = await DEPTH.call(
            self._redis, [STARTS, CHECKS, WINDOW, PAUSED, WORKERS, RUNNING], [WINDOW_MS]
        )
        return QueueDepth(
            waiting=max(0, starts + checks - running),
            running=running,
            workers=workers,
            starts_left=max(0, self._limit - granted) if self._limit else None,
            paused=bool(paused),
            oldest_seconds=waited / 1000,
        )

    async def pause(self) -> None:
        await self._redis.set(PAUSED, "1")

    async def resume(self) -> None:
        pipe = self._redis.pipeline()
        pipe.delete(PAUSED)
        pipe.lpush(WAKEUP, "1")
        await pipe.execute()
