"""The migrations lead to the tables of app/schema.py."""

import asyncio
import contextlib
import signal
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from app.settings import SettingsError
from migrations.upgrade import ADVISORY_LOCK, configuration, upgrade
from tests.engine import eventually

# Alembic and SQLAlchemy are imported by the tests that use them: each process of the test run imports this file.
if TYPE_CHECKING:
    from sqlalchemy import Connection


def _differences(connection: "Connection") -> list[object]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from app.schema import metadata

    context = MigrationContext.configure(connection, opts={"compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def test_a_migrated_database_has_the_tables_of_the_schema(new_postgres_dsn: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(new_postgres_dsn))
    async with engine.connect() as connection:
        differences = await connection.run_sync(_differences)
    await engine.dispose()
    assert differences == []


async def test_two_migrations_at_once_do_no_harm(new_postgres_dsn: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(upgrade, new_postgres_dsn) for _ in range(2)))


async def test_a_start_waits_for_no_backup_if_there_is_nothing_to_migrate(postgres_dsn: str) -> None:
    backup = await asyncpg.connect(postgres_dsn)
    await backup.execute("SELECT pg_advisory_lock_shared($1)", ADVISORY_LOCK)
    starting = asyncio.create_task(asyncio.to_thread(upgrade, postgres_dsn))
    try:
        await asyncio.wait_for(asyncio.shield(starting), 30)
    finally:
        await backup.close()
        await starting


async def test_a_migration_that_a_long_read_holds_up_holds_up_nobody_else(
    new_postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as that of `engine backup`. Others would wait for the lock that the migration waits for."""
    from alembic import command

    await asyncio.to_thread(command.downgrade, configuration(new_postgres_dsn), "0024")
    reader, other = [await asyncpg.connect(new_postgres_dsn) for _ in range(2)]
    reads = "SELECT count(*) FROM reconciliation"

    async def is_held_up() -> bool:
        return "the migration waits for transactions that are open: pid" in caplog.text

    async with reader.transaction():
        await reader.execute(reads)
        migrating = asyncio.create_task(asyncio.to_thread(upgrade, new_postgres_dsn))
        await eventually(is_held_up)
        await other.fetch(reads, timeout=20)
        assert not migrating.done()
    await migrating
    assert await other.fetch("SELECT orders_oid FROM reconciliation") == []
    await asyncio.gather(reader.close(), other.close())


async def test_a_migration_that_waits_ends_at_ctrl_c(new_postgres_dsn: str) -> None:
    """It waits for ten minutes, and so did `engine up`, whatever it was sent."""
    from alembic import command

    await asyncio.to_thread(command.downgrade, configuration(new_postgres_dsn), "0024")
    reader = await asyncpg.connect(new_postgres_dsn)
    # A shell that runs the tests in the background ignores SIGINT, and so does what it starts.
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from migrations.upgrade import upgrade; upgrade(sys.argv[1])"
    async with reader.transaction():
        await reader.execute("SELECT count(*) FROM reconciliation")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, new_postgres_dsn, stderr=asyncio.subprocess.PIPE
        )
        try:
            assert process.stderr
            await asyncio.wait_for(process.stderr.readuntil(b"the migration waits"), 60)
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.communicate(), 20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    await reader.close()


async def test_a_migration_waits_long_enough_for_postgres_to_end_an_autovacuum(new_postgres_dsn: str) -> None:
    """Postgres does so for a statement that has waited for `deadlock_timeout`."""
    from alembic import command

    await asyncio.to_thread(command.downgrade, configuration(new_postgres_dsn), "0024")
    reader, other = [await asyncpg.connect(new_postgres_dsn) for _ in range(2)]
    waits = """
    SELECT EXISTS (SELECT FROM pg_locks
     WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND waitstart < clock_timestamp() - (SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout')
                                          * interval '1 millisecond')
    """
    async with reader.transaction():
        await reader.execute("SELECT count(*) FROM reconciliation")
        migrating = asyncio.create_task(asyncio.to_thread(upgrade, new_postgres_dsn))
        await eventually(lambda: other.fetchval(waits))
    await migrating
    await asyncio.gather(reader.close(), other.close())


def test_another_password_than_the_database_has_is_named_in_one_sentence(postgres_dsn: str) -> None:
    """As after a new DB_PASSWORD over a volume that is there."""
    address = urlsplit(postgres_dsn)
    other = address._replace(netloc=f"{address.username}:other@{address.hostname}:{address.port}")
    with pytest.raises(
        SettingsError, match=r"refused the password of engine\. A database keeps the password"
    ) as caught:
        upgrade(urlunsplit(other))
    assert "other" not in str(caught.value).replace("another", "")
