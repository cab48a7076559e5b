"""`engine migrate`: migrates a database to the newest revision that this version knows."""

import asyncio
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import asyncpg

from app.orders.store.revision import READ, mismatch, promise
from app.postgres.hosts import connect
from app.settings import SettingsError
from migrations.revisions import known_revisions, oldest_code

if TYPE_CHECKING:
    from alembic.config import Config

# One migration at a time. The number is arbitrary, but the same in every process.
ADVISORY_LOCK = 0x6F726465727321


def configuration(dsn: str) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["dsn"] = dsn  # not an option: options are interpolated, and may be printed
    return config


def upgrade(dsn: str, *, wait_seconds: float = 30.0) -> None:
    """Migrates to head. Waits up to `wait_seconds` for a database that is starting.

    Alembic is imported only if there is something to do: that takes longer than all the rest.

    Two processes may do this at once: the second waits, and then has nothing to do.
    """
    asyncio.run(_upgrade(dsn, wait_seconds))


async def _upgrade(dsn: str, wait_seconds: float) -> None:
    connection = await _connect(dsn, wait_seconds)
    try:
        # Polls for the lock: a statement that waits keeps a snapshot open, and CREATE INDEX CONCURRENTLY in the other
        # process would wait for that snapshot.
        while not await _nothing_to_do(connection):
            if await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
                if not await _is_done(connection):
                    await _migrate(dsn)
                return
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def _nothing_to_do(connection: asyncpg.Connection) -> bool:
    """A backup has the lock too, and may take hours: it is not waited for if nobody migrates or restores."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock_shared($1)", ADVISORY_LOCK):
        return False
    try:
        return await _is_done(connection)
    finally:
        await connection.execute("SELECT pg_advisory_unlock_shared($1)", ADVISORY_LOCK)


async def _migrate(dsn: str) -> None:
    """In a thread that nobody waits for at Ctrl-C: it may wait for others' transactions for ten minutes."""
    done = Future[None]()

    def run() -> None:
        from alembic import command

        try:
            command.upgrade(configuration(dsn), "head")
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    done.set_running_or_notify_cancel()  # it cannot be cancelled
    threading.Thread(target=run, name="migration", daemon=True).start()
    await asyncio.wrap_future(done)


async def _is_done(connection: asyncpg.Connection) -> bool:
    """Whether this version or a newer one has migrated it. Raises SettingsError if this one does not work with it."""
    if not await connection.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        return False
    row, known = await connection.fetchrow(READ), known_revisions()
    if row is None:
        return False
    if row["version_num"] in known:
        newest = known[-1]
        return (row["version_num"], row["comment"]) == (newest, promise(newest, oldest_code(newest)))
    if problem := mismatch(row["version_num"], row["comment"], known):
        raise SettingsError(f"{problem}.")
    return True


async def _connect(dsn: str, wait_seconds: float) -> asyncpg.Connection:
    address = urlsplit(dsn)
    if not address.hostname and "host" not in parse_qs(address.query):
        raise SettingsError("DATABASE_URL: a Postgres address looks like postgresql://user:password@host:5432/name.")
    database = f"the database {address.path.lstrip('/')!r} at {address.netloc.rpartition('@')[2]}"
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return await connect(dsn)
        except (OSError, asyncpg.CannotConnectNowError) as error:
            if time.monotonic() > deadline:
                why = str(error) or "no answer"
                raise SettingsError(f"DATABASE_URL: cannot reach {database} ({why}).") from None
            await asyncio.sleep(0.2)
        except asyncpg.InvalidPasswordError:
            raise SettingsError(
                f"DATABASE_URL: {database} refused the password of {address.username or 'this user'}. A database keeps "
                "the password that it was made with: set DB_PASSWORD to it, or change it there first (ALTER ROLE)."
            ) from None
        except asyncpg.PostgresError as error:
            raise SettingsError(f"DATABASE_URL: {database} refused the connection: {error}.") from None
        except (ValueError, asyncpg.InterfaceError):
            raise SettingsError("DATABASE_URL: not a valid Postgres address.") from None
