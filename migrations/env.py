"""Run by Alembic: connects with the driver and the address that the engine uses.

A lock that waits holds up everybody behind it. So a migration does not wait for a long read, such as that of a backup:
it gives up after half a second, has changed nothing, and is tried again. Postgres ends an autovacuum that somebody
waits for, but only after `deadlock_timeout`: one try in LONG_TRY, from the second on, waits for longer than that.
"""

import asyncio
import logging

from alembic import context
from sqlalchemy import Connection, MetaData, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import SetTableComment

from app.orders.store.revision import promise
from app.postgres.hosts import connect
from app.schema import metadata
from app.settings import SettingsError, load
from migrations.revisions import oldest_code

log = logging.getLogger("engine.migrations")

# Of one transaction: a statement that cannot be in one, like CREATE INDEX CONCURRENTLY, waits for as long as it takes.
LOCK_WAIT = text("""
SELECT set_config('lock_timeout', (500 + CASE WHEN :long THEN setting::int ELSE 0 END)::text, true)
  FROM pg_settings WHERE name = 'deadlock_timeout'
""")
LONG_TRY = 5
LOCK_NOT_AVAILABLE = "55P03"
PAUSE_SECONDS = 2.0
TRIES = 240  # 10 minutes
HOLDERS = text("""
SELECT DISTINCT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type) AS name, a.xact_start
  FROM pg_stat_activity a JOIN pg_locks l USING (pid)
 WHERE l.relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) AND l.granted
   AND l.pid <> pg_backend_pid() AND (a.xact_start < clock_timestamp() - interval '500 ms') IS NOT FALSE
 ORDER BY a.xact_start LIMIT 3
""")


def migrate(connection: Connection, tried: int) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(LOCK_WAIT, {"long": tried % LONG_TRY == 1})
        context.run_migrations()
        if revision := context.get_context().get_current_revision():
            say_what_works(connection, revision)


def say_what_works(connection: Connection, revision: str) -> None:
    """For processes of other versions, which do not know this revision: see `app/orders/store/revision.py`."""
    comment = promise(revision, oldest_code(revision))
    connection.execute(SetTableComment(Table("alembic_version", MetaData(), comment=comment)))


async def run() -> None:
    dsn = context.config.attributes.get("dsn") or load().postgres_dsn
    if dsn is None:
        raise SettingsError(
            "DATABASE_URL is not set; `engine migrate` also finds the database of a running `engine up`."
        )
    # asyncpg parses the URL: SQLAlchemy would misread options such as sslmode.
    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: connect(dsn), poolclass=NullPool)
    async with engine.connect() as connection:
        for tried in range(TRIES):
            try:
                return await connection.run_sync(migrate, tried)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                    raise
            await connection.rollback()
            said = f"the migration waits for transactions that are open: {await holders(connection)}"
            log.warning(said)
            await asyncio.sleep(PAUSE_SECONDS)
    raise SettingsError(f"nothing was changed: {said}. End them, or migrate later.")


async def holders(connection: AsyncConnection) -> str:
    rows = (await connection.execute(HOLDERS)).all()
    await connection.rollback()
    return "; ".join(f"pid {row.pid}, {row.name!r}, since {row.xact_start}" for row in rows)


asyncio.run(run())
