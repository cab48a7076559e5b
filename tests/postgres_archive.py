"""A Postgres whose write-ahead log is archived, and that can be restored to any moment since its base backup."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg

from app.local import servers
from app.local.data_home import DataHome, prepare
from app.local.servers import Server
from app.local.watchdog import Watchdog
from migrations.upgrade import upgrade
from tests import postgres_template
from tests.engine import eventually
from tests.postgres_pair import base_backup, new_home


@dataclass
class Archived:
    watchdog: Watchdog
    server: Server
    archive: Path
    base: DataHome  # the base backup

    async def restore(self, to: datetime) -> Server:
        """The server as it was then, in place of this one, which is gone. It has a new timeline."""
        segment = await _run(self.server.url, "SELECT pg_walfile_name(pg_switch_wal())")
        await eventually(lambda: asyncio.to_thread((self.archive / str(segment)).exists))
        _end(self.server, self.watchdog, signal.SIGKILL)
        data = self.base.data / "postgres"
        settings = {
            "archive_mode": "off",
            "restore_command": f'cp "{self.archive}/%f" "%p"',
            "recovery_target_time": to.isoformat(),
            "recovery_target_action": "promote",
        }
        with (data / "postgresql.auto.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self.base.account.create_file(data / "recovery.signal").close()
        restored = servers.start_postgres(self.base, self.watchdog)
        await servers.wait_until_ready(restored)
        await eventually(lambda: _run(restored.url, "SELECT NOT pg_is_in_recovery()"), within=30)
        return restored


@contextlib.asynccontextmanager
async def new_archived() -> AsyncIterator[Archived]:
    home = new_home()
    watchdog = Watchdog(removes=home)
    try:
        await asyncio.to_thread(postgres_template.copy_to, home / "server")
        data_home = prepare(home / "server", durable=True)
        archive = data_home.account.own_directory(data_home.data / "archive")
        server = servers.start_postgres(data_home, watchdog)
        await servers.wait_until_ready(server)
        await _run(server.url, "ALTER SYSTEM SET archive_mode = 'on'")
        # A segment has its name only when all of it is there.
        command = f'cp "%p" "{archive}/%f.new" && mv "{archive}/%f.new" "{archive}/%f"'
        await _run(server.url, f"ALTER SYSTEM SET archive_command = '{command}'")
        _end(server, watchdog, signal.SIGINT)
        server = server.start_again()
        await servers.wait_until_ready(server)
        await asyncio.to_thread(upgrade, server.url)
        base = await asyncio.to_thread(base_backup, home / "base", server)
        yield Archived(watchdog, server, archive, base)
    finally:
        await asyncio.to_thread(watchdog.end)


def _end(server: Server, watchdog: Watchdog, how: signal.Signals) -> None:
    server.process.send_signal(how)
    server.process.wait()
    watchdog.forget(server.process)


async def _run(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()
