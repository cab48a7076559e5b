"""A primary and its standby, from the programs of the embedded Postgres."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.local import binaries, postgres_data, servers
from app.local.data_home import DataHome, prepare
from app.local.servers import Server
from app.local.watchdog import Watchdog
from migrations.upgrade import upgrade
from tests import postgres_template


@dataclass
class Pair:
    watchdog: Watchdog
    primary: Server
    standby: Server

    @property
    def url(self) -> str:
        """Of both; which one is the primary is not in it."""
        return self.primary.url.replace("/order_", f",127.0.0.1:{self.standby.port}/order_")

    async def wait_for_standby(self) -> None:
        """From now on a commit waits until the standby has it, too."""
        await self.on_primary("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await self.on_primary("SELECT pg_reload_conf()")
        async with asyncio.timeout(10):
            while await self.on_primary("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != 1:
                await asyncio.sleep(0.01)

    async def on_primary(self, sql: str) -> object:
        return await _run(self.primary.url, sql)

    async def promote(self) -> None:
        await _run(self.standby.url, "SELECT pg_promote()")

    async def stop_replication(self) -> None:
        """The standby receives nothing that is written from now on."""
        await _run(self.standby.url, "ALTER SYSTEM SET primary_conninfo = ''")
        await _run(self.standby.url, "SELECT pg_reload_conf()")
        async with asyncio.timeout(10):
            while await self.on_primary("SELECT count(*) FROM pg_stat_replication"):
                await asyncio.sleep(0.01)

    def kill(self, server: Server) -> None:
        server.process.send_signal(signal.SIGKILL)  # its other processes end with it
        server.process.wait()
        self.watchdog.forget(server.process)


@contextlib.asynccontextmanager
async def new_pair(*, synchronous: bool = True) -> AsyncIterator[Pair]:
    """`synchronous`: a commit waits until the standby has it, too."""
    home = new_home()
    watchdog = Watchdog(removes=home)
    try:
        pair = await start_pair(home, watchdog)
        if synchronous:
            await pair.wait_for_standby()
        yield pair
    finally:
        await asyncio.to_thread(watchdog.end)


@contextlib.contextmanager
def running_pair() -> Iterator[Pair]:
    """A commit waits until the standby has it, too."""
    home = new_home()
    watchdog = Watchdog(removes=home)
    try:
        pair = asyncio.run(start_pair(home, watchdog))
        asyncio.run(pair.wait_for_standby())
        yield pair
    finally:
        watchdog.end()


def new_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="engine-pair-"))
    home.chmod(0o711)  # started by root, Postgres runs under another account and has to get in
    return home


async def start_pair(home: Path, watchdog: Watchdog) -> Pair:
    """Below this directory."""
    await asyncio.to_thread(postgres_template.copy_to, home / "primary")
    data_home = prepare(home / "primary", durable=True)
    primary = servers.start_postgres(data_home, watchdog)
    await servers.wait_until_ready(primary)
    await asyncio.to_thread(upgrade, primary.url)  # outside a run of the tests there is no template
    return Pair(watchdog, primary, await start_standby(home / "standby", primary, watchdog))


async def start_standby(home: Path, primary: Server, watchdog: Watchdog) -> Server:
    """A copy of this primary that follows it."""
    data_home = await asyncio.to_thread(base_backup, home, primary, "--write-recovery-conf")
    standby = servers.start_postgres(data_home, watchdog)
    await servers.wait_until_ready(standby)
    return standby


def base_backup(home: Path, primary: Server, *more: str) -> DataHome:
    """Of this primary, as the data of another server."""
    home.mkdir(mode=0o711)
    shutil.copy2(primary.log.parent / "secret", home / "secret")
    data_home = prepare(home, durable=True)
    data = data_home.account.own_directory(data_home.data / "postgres")
    command: list[str | Path] = [binaries.postgres(data_home.account) / "pg_basebackup", "--dbname", primary.url]
    command += ["--pgdata", data, "--checkpoint", "fast", "--no-sync", *more]
    options = data_home.account.popen_options
    copied = subprocess.run(
        command, cwd="/", env=postgres_data.environment(), capture_output=True, check=False, **options
    )
    assert copied.returncode == 0, copied.stderr.decode()
    return data_home


async def _run(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()
