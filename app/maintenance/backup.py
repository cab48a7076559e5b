"""`engine backup`: one file with everything of the engine, as it was at one moment.

It is a dump, in pg_dump's custom format, of the schema with the engine's tables. The schema `chain` is left out: it
stands for the outside world, which no restore undoes.
"""

import asyncio
import secrets
import time
from pathlib import Path

from app.local.run_as import Account
from app.maintenance.client_programs import client_programs
from app.maintenance.database import MIGRATED, SCHEMA, connected, no_migration
from app.settings import SettingsError


def default_name() -> Path:
    return Path(time.strftime("order-execution-engine-%Y%m%dT%H%M%SZ.dump", time.gmtime()))


def backup(dsn: str, file: Path) -> None:
    """Writes this file, which only we can read. It gets its name when it is complete."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}.partial")  # another backup may have the same name
    try:
        _must_be_new(file)
        Account().create_file(draft).close()
        asyncio.run(_dump(dsn, draft))
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            raise _exists(file) from None
        except OSError:  # this file system has no links
            _must_be_new(file)
            draft.rename(file)
    finally:
        draft.unlink(missing_ok=True)


def _must_be_new(file: Path) -> None:
    if file.exists() or file.is_symlink():  # a link may lead to nothing
        raise _exists(file)


def _exists(file: Path) -> SettingsError:
    return SettingsError(f"{file} exists already: choose another name.")


async def _dump(dsn: str, file: Path) -> None:
    # A migration would wait for the locks of pg_dump, and each statement of the engine behind the migration.
    async with connected(dsn) as connection, no_migration(connection, shared=True):
        if not await connection.fetchval(MIGRATED):
            raise SettingsError("the database was never migrated: there is nothing to back up.")
        schema: str = (await connection.fetchval(SCHEMA)).replace('"', '""')
        programs = client_programs(connection, dsn)
        # Not to its stdout: there it does not write where in the file each table begins.
        options = ("--format=custom", f'--schema="{schema}"', f"--dbname={programs.address}", f"--file={file}")
        await programs.run("pg_dump", *options)
