"""Brings a database to the newest revision: what `engine migrate` does."""

import asyncio
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.settings import SettingsError

# One migration at a time; the number is arbitrary and everybody's.
ADVISORY_LOCK = 0x6F726465727321


def configuration(dsn: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["dsn"] = dsn  # not an option: those are interpolated, and may be printed
    return config


def newest_revision() -> str | None:
    """The revision this code was written for."""
    return ScriptDirectory(str(Path(__file__).parent)).get_current_head()


def upgrade(dsn: str, *, patience: float = 30.0) -> None:
    """Migrates to head; waits up to `patience` seconds for a database that is only starting.

    Two at once do no harm: the second waits, and then finds nothing to do.
    """
    asyncio.run(_upgrade(dsn, patience))


async def _upgrade(dsn: str, patience: float) -> None:
    connection = await _reach(dsn, patience)
    try:
        # Asked again and again instead of waited for: a waiting statement would keep a snapshot open,
        # and a migration that builds an index concurrently would wait for that.
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ADVISORY_LOCK):
            await asyncio.sleep(0.1)
        await asyncio.to_thread(command.upgrade, configuration(dsn), "head")
    finally:
        await connection.close()


async def _reach(dsn: str, patience: float) -> asyncpg.Connection:
    address = urlsplit(dsn)
    if not address.hostname and "host" not in parse_qs(address.query):
        raise SettingsError("DATABASE_URL: a Postgres address looks like postgresql://user:password@host:5432/name.")
    where = f"the database {address.path.lstrip('/')!r} at {address.netloc.rpartition('@')[2]}"
    deadline = time.monotonic() + patience
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=5)
        except (OSError, asyncpg.CannotConnectNowError) as error:
            if time.monotonic() > deadline:
                why = str(error) or "no answer"
                raise SettingsError(f"DATABASE_URL: cannot reach {where} ({why}).") from None
            await asyncio.sleep(0.2)
        except asyncpg.PostgresError as error:
            raise SettingsError(f"DATABASE_URL: {where} refuses us: {error}.") from None
        except (ValueError, asyncpg.InterfaceError):
            raise SettingsError("DATABASE_URL: is not an address that Postgres understands.") from None
