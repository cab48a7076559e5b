"""One connection to the database of a command, and what runs there."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg

from app.postgres.hosts import connect
from app.settings import SettingsError
from migrations.upgrade import ADVISORY_LOCK

SCHEMA = "SELECT current_schema()"
MIGRATED = "SELECT to_regclass('alembic_version') IS NOT NULL"
# Processes of the engine. One without this name is a program beside it, for example an exporter of metrics.
CONNECTED = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'order-execution-engine'
"""


@contextlib.asynccontextmanager
async def connected(dsn: str, **settings: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await connect(dsn, server_settings=settings)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise SettingsError(f"DATABASE_URL: the database does not answer ({type(error).__name__}).") from None
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def no_migration(connection: asyncpg.Connection, *, shared: bool) -> AsyncIterator[None]:
    """Migrations wait meanwhile. `shared`: others may do the same at once."""
    mode = "_shared" if shared else ""
    if not await connection.fetchval(f"SELECT pg_try_advisory_lock{mode}($1)", ADVISORY_LOCK):
        raise SettingsError("a migration, a backup or a restore runs in this database: try again when it has ended.")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # lost, and the lock with it
            await connection.execute(f"SELECT pg_advisory_unlock{mode}($1)", ADVISORY_LOCK)
