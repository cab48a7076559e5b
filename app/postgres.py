"""How this engine talks to its two servers: what a lost connection looks like, and how long anyone waits for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg

Answer = TypeVar("Answer")

# A write that ended in one of these may or may not have happened: whoever made it must look.
POSTGRES_UNAVAILABLE: tuple[type[Exception], ...] = (
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


MAX_WRITERS = 5  # two for each kind of statement that writes share (a worker has two), and one for all else


class DatabaseUnavailable(Exception):
    """Postgres does not answer. Nothing is known of the write; make it again."""


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
    writers = min(MAX_WRITERS, size // 2)
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


async def fetch(pool: asyncpg.Pool, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """One statement of its own; BookAway if nobody knows whether it happened."""
    try:
        return await pool.fetch(sql, *arguments)
    except asyncpg.InternalClientError as error:
        # The driver has lost its place in a connection that broke under it: it must not be used again.
        await pool.expire_connections()
        raise DatabaseUnavailable from error
    except POSTGRES_UNAVAILABLE as error:
        raise DatabaseUnavailable from error
