"""A file that cannot be restored, or must not be now, changes nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.maintenance import client_programs
from app.maintenance.backup import backup
from app.maintenance.restore import restore
from app.settings import SettingsError
from tests.engine import Engine, eventually
from tests.integration.test_backup import NEWEST, connected, contents, written

pytestmark = pytest.mark.usefixtures("primed_queue")


async def refused(dsn: str, file: Path) -> str:
    before = await contents(dsn)
    with pytest.raises(SettingsError) as error:
        await restore(dsn, file)
    assert await contents(dsn) == before
    return str(error.value)


async def test_a_file_that_cannot_be_restored_changes_nothing(postgres_dsn: str, tmp_path: Path) -> None:
    async with connected(postgres_dsn) as connection:
        await connection.execute("INSERT INTO dead_men SELECT 'owner ' || n, 0 FROM generate_series(1, 5000) n")
        file = await written(postgres_dsn, tmp_path)
        for size in (0, 100, file.stat().st_size // 2, file.stat().st_size - 1):
            short = tmp_path / "short.dump"
            short.write_bytes(file.read_bytes()[:size])
            assert "pg_restore: error: " in await refused(postgres_dsn, short), size
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        newer = tmp_path / "newer.dump"
        await asyncio.to_thread(backup, postgres_dsn, newer)
        assert "newer version has migrated this database" in await refused(postgres_dsn, file)
        await connection.execute(f"UPDATE alembic_version SET version_num = '{NEWEST}'")
        assert f"revision 9999, which is newer than {NEWEST}" in await refused(postgres_dsn, newer)
        with pytest.raises(SettingsError, match="exists already"):
            await asyncio.to_thread(backup, postgres_dsn, file)


async def test_a_file_that_was_not_read_to_its_end_changes_nothing(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is a whole script by chance."""
    file, real = await written(postgres_dsn, tmp_path), next(client_programs._folders())
    for name in client_programs.PROGRAMS:
        script = f'#!/bin/sh\n"{real / name}" "$@" || exit 1\ncase "$*" in *--no-owner*) exit 1;; esac\n'
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(client_programs, "_folders", lambda: iter([tmp_path]))
    assert "nothing was changed" in await refused(postgres_dsn, file)


async def test_after_a_restore_whose_connections_were_lost_it_is_said_how_to_see_what_was_done(
    postgres_dsn: str, tmp_path: Path
) -> None:
    file = await written(postgres_dsn, tmp_path)
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    async with connected(postgres_dsn) as connection, connected(postgres_dsn) as reader:
        reading = reader.transaction()
        await reading.start()
        await reader.execute("SELECT FROM orders")  # its tables cannot be moved meanwhile
        restoring = asyncio.create_task(refused(postgres_dsn, file))
        waits = f"SELECT count(*) {others} AND wait_event_type = 'Lock'"
        await eventually(lambda: connection.fetchval(waits))
        await connection.execute(f"SELECT pg_terminate_backend(pid) {others}")
        assert "If there is a schema before_restore_" in await restoring


async def test_a_restore_is_refused_while_a_process_of_the_engine_is_connected(engine: Engine, tmp_path: Path) -> None:
    dsn: Any = engine.settings.postgres_dsn
    await engine.place()
    file = await written(dsn, tmp_path)
    assert "stop every API, worker and watcher" in await refused(dsn, file)
