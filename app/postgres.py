"""Postgres: its connection pools, its timeouts, and which errors mean that it is unavailable."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app.keepalive import POSTGRES_KEEPALIVE
from app.postgres_hosts import EngineConnection, connect, follow
from app.settings import SettingsError
from app.tasks import cancel_and_wait

Result = TypeVar("Result")

# After one of these a write may or may not have happened: the caller has to check, or repeat it safely.
POSTGRES_UNAVAILABLE: tuple[type[Exception], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,  # the database is being created, or its password changed
    asyncpg.InvalidCatalogNameError,
    asyncpg.OperatorInterventionError,  # shutdown, start-up, or a connection terminated by an administrator
    asyncpg.InsufficientResourcesError,  # out of connections, disk or memory; may recover
    asyncpg.ReadOnlySQLTransactionError,  # it is no primary any more
    asyncpg.TransactionRollbackError,  # a deadlock or a conflict: nothing was written
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # this process was frozen meanwhile
    asyncpg.PostgresSystemError,  # an I/O error of the server
    asyncpg.InternalServerError,
    asyncpg.InvalidSQLStatementNameError,  # a connection pooler has switched the connection
    asyncpg.UndefinedTableError,  # the database was not migrated yet; `app/orders/store/revision.py` says so
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
)
_UNAVAILABLE: tuple[type[Exception], ...] = (asyncpg.InternalClientError, *POSTGRES_UNAVAILABLE)
BAD_VALUE: type[Exception] = asyncpg.DataError  # Postgres, or its driver, cannot take the value: text with a NUL
# One row of a batch is at fault; the other rows are not.
BAD_ROW: tuple[type[Exception], ...] = (
    BAD_VALUE,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    TypeError,  # the row cannot be encoded as JSON
)

# Reads are planned anew for each execution: a plan that was cached while a table was empty would scan the table, or a
# whole index, once it is full. Writes find their rows by key only. Their plan is cached, with every other kind of plan
# switched off: that halves their cost on the server.
READ_PLANS = {"plan_cache_mode": "force_custom_plan", "enable_seqscan": "off"}
WRITE_PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

MAX_WRITERS = 5  # two for each kind of batched statement (a worker has two kinds), and one for all other writes
MAX_INTERNAL = 2
READ_SECONDS = 3.0  # Postgres ends a caller's read that takes longer
FROZEN_SECONDS = 3.0  # and the transaction of a process that was frozen in it: others wait for its locks
ENDS_FROZEN = {"idle_in_transaction_session_timeout": str(round(FROZEN_SECONDS * 1000))}

Init = Callable[[asyncpg.Connection], Coroutine[Any, Any, None]]

# A condition of a statement that locks rows: it waits so many ms, with a connection that all share. See `fetch_soon`.
SOON = "(SELECT set_config('lock_timeout', '20', true)) IS NOT NULL"
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)  # between its tries
Turn = contextlib.AbstractAsyncContextManager[Any]
NO_TURN = contextlib.nullcontext()


class DatabaseUnavailable(Exception):
    """Postgres is unavailable. A write may or may not have happened; repeat it."""


class DiskFull(DatabaseUnavailable):
    """Postgres has no disk space left. It still answers reads."""


class ReadTooSlow(DatabaseUnavailable):
    """A read took longer than READ_SECONDS."""


class RowLocked(DatabaseUnavailable):
    """Another session has locked the row of this write: nothing was written."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """The connection pools of one process. A long read of a caller delays neither a write nor the engine itself."""

    writing: asyncpg.Pool
    reading: asyncpg.Pool  # what callers ask for: may take long
    lagging: asyncpg.Pool  # of that, what may be a moment old: of a replica, if there is one
    internal: asyncpg.Pool  # short: health, keys, capacity, the events of streams; waits 1 s for a lock
    following: "list[asyncio.Task[None]]"  # the primary, if there are several hosts

    def open(self) -> int:
        return sum(pool.get_size() for pool in self._pools)

    def idle(self) -> int:
        return sum(pool.get_idle_size() for pool in self._pools)

    async def close(self) -> None:
        await cancel_and_wait(*self.following)
        for pool in self._pools:
            with contextlib.suppress(*POSTGRES_UNAVAILABLE):  # nobody answers, and its connections are cut
                async with asyncio.timeout(1):
                    await pool.close()

    @property
    def _pools(self) -> tuple[asyncpg.Pool, ...]:
        pools = self.writing, self.reading, self.internal
        return pools if self.lagging is self.reading else (*pools, self.lagging)


async def open_postgres(
    dsn: str, *, size: int, before_writing: Init | None = None, read_dsn: str | None = None
) -> Postgres:
    """Connections are opened at first use, so a process can start before its database.

    `before_writing`: is called with each new connection of `writing` and of `internal` before that is used.
    """
    writers, internal = min(MAX_WRITERS, size // 2), max(1, min(MAX_INTERNAL, size // 4))
    readers, of_reads = size - writers - internal, READ_PLANS | {"statement_timeout": f"{READ_SECONDS * 1000:.0f}"}
    reading = await _pool(dsn, readers, of_reads)
    return Postgres(
        writing=await _pool(dsn, writers, WRITE_PLANS, before_writing),
        reading=reading,
        lagging=await _pool(read_dsn, readers, of_reads, standby=True) if read_dsn else reading,
        internal=await _pool(dsn, internal, READ_PLANS | {"lock_timeout": "1000"}, before_writing),
        following=follow(dsn),
    )


async def _pool(
    dsn: str, size: int, settings: Mapping[str, str], init: Init | None = None, *, standby: bool = False
) -> asyncpg.Pool:
    return await open_pool(
        dsn,
        size,
        {"application_name": "order-execution-engine", **ENDS_FROZEN, **settings},
        init=init,
        standby=standby,
    )


async def open_pool(
    dsn: str,
    size: int,
    server_settings: Mapping[str, str],
    *,
    command_timeout: float | None = 10,
    init: Init | None = None,
    standby: bool = False,
) -> asyncpg.Pool:
    """Connections to the primary, or to a standby, opened when they are needed."""
    pool: asyncpg.Pool = await asyncpg.create_pool(
        dsn,
        connect=cast("Any", partial(connect, standby=standby)),
        connection_class=EngineConnection,
        min_size=0,
        max_size=size,
        timeout=3,
        command_timeout=command_timeout,
        init=init,
        reset=no_reset,
        server_settings={
            "jit": "off",
            "client_connection_check_interval": "1000",
            **POSTGRES_KEEPALIVE,
            **server_settings,
        },
    )
    return pool


async def no_reset(_: Any) -> None:
    """Our statements leave no session state, and asyncpg's default reset costs a round trip each."""


async def fetch(pool: asyncpg.Pool, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """Runs one statement. DatabaseUnavailable if it is not known whether it happened."""
    try:
        return await pool.fetch(sql, *arguments)
    except _UNAVAILABLE as error:
        raise await _unavailable(pool, error) from error


async def fetch_soon(
    pool: asyncpg.Pool, sql: str, *arguments: Any, pauses: Sequence[float] = PAUSES, turn: Turn = NO_TURN
) -> list[asyncpg.Record]:
    """Runs one statement with the condition SOON: it waits for locked rows, but with no connection, and out of `turn`.

    DatabaseUnavailable if it is not known whether it happened, or a row stays locked.
    """
    for pause in (*pauses, None):
        try:
            async with turn:
                return await fetch(pool, sql, *arguments)
        except DatabaseUnavailable as error:
            if pause is None or not isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                raise
            await asyncio.sleep(pause)
    raise AssertionError("unreachable")


@contextlib.asynccontextmanager
async def transaction(pool: asyncpg.Pool) -> AsyncIterator[PoolConnectionProxy]:
    """For statements that must happen together. DatabaseUnavailable if it is not known whether they did."""
    try:
        async with pool.acquire() as connection, connection.transaction():
            yield connection
    except _UNAVAILABLE as error:
        raise await _unavailable(pool, error) from error


async def _unavailable(pool: asyncpg.Pool, error: Exception) -> DatabaseUnavailable:
    match error:
        case asyncpg.DiskFullError():
            return DiskFull()
        case asyncpg.QueryCanceledError():
            return ReadTooSlow()
        case asyncpg.InternalClientError() | asyncpg.ReadOnlySQLTransactionError():
            # The driver's protocol state is invalid, or the server is no primary any more.
            await pool.expire_connections()
    return DatabaseUnavailable()


def run_command(dsn: str, command: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
    """For the command line: one command on a connection of its own. SettingsError if that cannot be."""

    async def connect_and_run() -> Result:
        connection = await connect(dsn)
        try:
            return await command(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(connect_and_run())
    except asyncpg.UndefinedTableError:
        raise SettingsError("the database was not migrated to this version: run `engine migrate` first.") from None
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise SettingsError(f"DATABASE_URL: the database does not answer ({type(error).__name__}).") from None
