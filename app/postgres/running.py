"""Running statements. DatabaseUnavailable if it is not known whether one happened."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app.postgres.errors import UNAVAILABLE, DatabaseUnavailable, DiskFull, ReadTooSlow
from app.postgres.hosts import connect
from app.settings import SettingsError

Result = TypeVar("Result")

# A condition of a statement that locks rows: it waits so many ms, with a connection that all share. See `fetch_soon`.
SOON = "(SELECT set_config('lock_timeout', '20', true)) IS NOT NULL"
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)  # between its tries
Turn = contextlib.AbstractAsyncContextManager[Any]
NO_TURN = contextlib.nullcontext()


async def fetch(pool: asyncpg.Pool, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """Runs one statement. DatabaseUnavailable if it is not known whether it happened."""
    try:
        return await pool.fetch(sql, *arguments)
    except UNAVAILABLE as error:
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
    except UNAVAILABLE as error:
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
