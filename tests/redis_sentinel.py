"""A Redis, its replica, and a Sentinel that promotes it, from the program of the embedded Valkey."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import redis

from app.local import binaries, postgres_data, servers
from app.local.data_home import prepare
from app.local.servers import Server
from app.local.watchdog import Stage, Watchdog
from app.settings import Settings, load
from tests.engine import eventually
from tests.postgres_pair import new_home

DOWN_MS = 500


@dataclass
class Watched:
    watchdog: Watchdog
    primary: Server
    replica: Server
    sentinel: int  # its port

    @property
    def settings(self) -> Settings:
        """Its address is that of the Sentinel; the host of the URL leads nowhere."""
        url = self.primary.url.replace(str(self.primary.port), "1")
        return load(redis_url=url, redis_sentinels=f"127.0.0.1:1,127.0.0.1:{self.sentinel}", redis_master="orders")

    @property
    def url(self) -> str:
        return self.settings.redis_dsn or ""

    def kill_primary(self) -> None:
        self.primary.process.kill()
        self.primary.process.wait()
        self.watchdog.forget(self.primary.process)

    def stop_replication(self) -> None:
        """What the primary does from now on is lost with it."""
        with redis.Redis.from_url(self.replica.url) as client:
            client.config_set("masterauth", "wrong")
        with redis.Redis.from_url(self.primary.url) as client:
            client.client_kill_filter(_type="slave")

    async def fail_over(self) -> None:
        """With the primary alive."""

        async def begins() -> bool:
            with contextlib.suppress(redis.ResponseError), redis.Redis(port=self.sentinel) as client:
                return bool(client.execute_command("SENTINEL", "FAILOVER", "orders"))
            return False  # it has not heard of the replica's state yet

        await eventually(begins)


@contextlib.asynccontextmanager
async def new_sentinel() -> AsyncIterator[Watched]:
    home = new_home()
    watchdog = Watchdog(removes=home)
    try:
        yield await start_watched(home, watchdog)
    finally:
        await asyncio.to_thread(watchdog.end)


@contextlib.contextmanager
def running_sentinel() -> Iterator[Watched]:
    home = new_home()
    watchdog = Watchdog(removes=home)
    try:
        yield asyncio.run(start_watched(home, watchdog))
    finally:
        watchdog.end()


async def start_watched(home: Path, watchdog: Watchdog) -> Watched:
    primary = servers.start_valkey(prepare(home / "redis", durable=True), watchdog)
    (home / "replica").mkdir(mode=0o711)
    shutil.copy2(home / "redis" / "secret", home / "replica" / "secret")
    replica = servers.start_valkey(prepare(home / "replica", durable=True), watchdog)
    await asyncio.gather(servers.wait_until_ready(primary), servers.wait_until_ready(replica))
    secret = (home / "replica" / "secret").read_text()
    for server in (primary, replica):  # each may become the other's replica
        with redis.Redis.from_url(server.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)
            client.config_set("masterauth", secret)
    with redis.Redis.from_url(replica.url) as client:
        client.replicaof("127.0.0.1", primary.port)
        async with asyncio.timeout(10):
            while client.info("replication")["master_link_status"] != "up":
                await asyncio.sleep(0.01)
    return Watched(watchdog, primary, replica, await _start_sentinel(home / "sentinel", primary, secret, watchdog))


async def _start_sentinel(home: Path, primary: Server, secret: str, watchdog: Watchdog) -> int:
    data_home = prepare(home, durable=False)
    data, port = data_home.account.own_directory(data_home.data / "valkey"), servers._free_port()
    with data_home.account.create_file(data / "sentinel.conf") as file:
        file.write(
            f"""
            bind 127.0.0.1
            port {port}
            dir {data}
            sentinel monitor orders 127.0.0.1 {primary.port} 1
            sentinel auth-pass orders {secret}
            sentinel down-after-milliseconds orders {DOWN_MS}
            sentinel failover-timeout orders 3000
            """.encode()
        )
    with (home / "sentinel.log").open("wb") as log:
        watchdog.start(
            [binaries.valkey(data_home.account), data / "sentinel.conf", "--sentinel"],
            signal.SIGTERM,
            Stage.REDIS,
            at_parents_end=signal.SIGTERM,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=postgres_data.environment(),
            **data_home.account.popen_options,
        )
    async with asyncio.timeout(20):
        while not _knows_replica(port):
            await asyncio.sleep(0.05)
    return port


def _knows_replica(port: int) -> bool:
    with contextlib.suppress(redis.RedisError), redis.Redis(port=port) as client:
        return bool(client.sentinel_masters()["orders"]["num-slaves"])
    return False
