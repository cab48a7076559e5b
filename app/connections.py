"""How this engine talks to its two servers: what a lost connection looks like, and how long anyone waits for it."""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

Answer = TypeVar("Answer")

# A write that ended in one of these may or may not have happened: whoever made it must look.
POSTGRES_AWAY: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,  # a database that is being set up, or a password being changed
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, terminated by an operator
    asyncpg.InsufficientResourcesError,  # out of connections, disk or memory: it may recover
    asyncpg.ReadOnlySQLTransactionError,  # a standby, while a fail-over is under way
    asyncpg.TransactionRollbackError,  # a deadlock or a conflict: it did not happen, and can be repeated
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresSystemError,  # the server's disk
    asyncpg.InternalServerError,
    asyncpg.InvalidSQLStatementNameError,  # a pooler in between has given us another connection
)
# The row itself is at fault; its neighbours are not.
BAD_ROW: tuple[type[Exception], ...] = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    TypeError,  # it cannot even be written as JSON
)
REDIS_AWAY: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)


# A plan made while a table was empty would be kept for long, and scan it, or one of its indexes, once it is full. So
# questions are planned anew each time they are asked. Writes find their rows by key and in no other way: planned once,
# in the one way that is left to the planner, they cost the server half.
PLANNED_ANEW = {"plan_cache_mode": "force_custom_plan", "enable_seqscan": "off"}
PLANNED_ONCE = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


MOST_WRITERS = 5  # two for each kind of statement that writes share (a worker has two), and one for all else


@dataclass(frozen=True, slots=True)
class Postgres:
    """The connections of one process. Long questions never keep a write waiting: each has its own."""

    writing: asyncpg.Pool
    reading: asyncpg.Pool

    def open(self) -> int:
        return self.writing.get_size() + self.reading.get_size()

    def idle(self) -> int:
        return self.writing.get_idle_size() + self.reading.get_idle_size()

    async def close(self) -> None:
        await self.writing.close()
        await self.reading.close()


async def open_postgres(dsn: str, *, size: int) -> Postgres:
    """Connections are opened when they are first needed, so a process can start before its database."""
    writers = min(MOST_WRITERS, size // 2)
    return Postgres(
        writing=await _pool(dsn, writers, PLANNED_ONCE), reading=await _pool(dsn, size - writers, PLANNED_ANEW)
    )


async def _pool(dsn: str, size: int, planned: Mapping[str, str]) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        timeout=3,
        command_timeout=10,
        reset=_nothing_to_reset,
        server_settings={
            "application_name": "order-execution-engine",
            "jit": "off",
            **planned,
        },
    )


async def _nothing_to_reset(_: Any) -> None:
    """Every statement here stands alone; the stock reset would cost a round trip for each."""


def patient_pool(url: str) -> ConnectionPool:
    """For the worker: waits for ever, because without Redis it has nothing to do. Blocking calls stay below 5 s."""
    return ConnectionPool.from_url(
        url,
        socket_connect_timeout=1,
        socket_timeout=5,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.02), -1),
        # redis-py 5 does not count a refused connection among the errors to retry.
        retry_on_error=[RedisConnectionError, RedisTimeout, OSError],
    )


def quick_redis(url: str) -> Redis:
    """For the API and the announcer: fails at once; what it could not say, the book still knows."""
    redis: Redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1, socket_keepalive=True, retry=None)
    return redis


class RedisAway(Exception):
    """Redis did not answer within its budget, or did not lately."""


class Breaker:
    """Lets calls through while they work; after a failure lets one through each `rest` seconds."""

    def __init__(self, *, budget: float = 0.2, rest: float = 1.0) -> None:
        self._budget = budget
        self._rest = rest
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._open_until

    async def call(self, work: Awaitable[Answer]) -> Answer:
        if self.is_open:
            if asyncio.iscoroutine(work):
                work.close()
            raise RedisAway
        try:
            async with asyncio.timeout(self._budget):
                return await work
        except REDIS_AWAY as error:
            self._open_until = time.monotonic() + self._rest
            raise RedisAway from error
