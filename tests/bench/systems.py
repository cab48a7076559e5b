"""The servers, the engine and its peer. Engine and peer are two values of one class: an API process and workers."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis.asyncio import Redis

from app.local import binaries, servers
from app.local.data_home import DataHome, prepare
from app.local.servers import Server
from app.local.watchdog import Stage, Watchdog
from app.server.listener import LISTEN_FD_VARIABLE, listen
from migrations.upgrade import upgrade
from tests.bench.client import CLONE

PEER = Path(__file__).parent / "peer"
START_SECONDS = 30.0

# No simulated delays and no limits; everything else has its default.
FREE = {
    "API_MAX_ORDERS_PER_MIN": "0",
    "API_MAX_READS_PER_MIN": "0",
    "QUEUE_MAX_PER_MIN": "0",
    "QUEUE_MAX_PER_OWNER": "1000000",
    "QUEUE_MAX_DEPTH": "1000000",
    "MAX_SOCKETS_PER_OWNER": "20000",
    "MOCK_QUOTE_MS": "0",
    "MOCK_EXECUTION_MS_MIN": "0",
    "MOCK_EXECUTION_MS_MAX": "0",
    "WORKER_CONCURRENCY": "10",
    "LOG_FORMAT": "json",  # as in production
}


@dataclass
class System:
    """Engine or peer: its processes and its database."""

    name: str
    commands: Mapping[str, list[str]]  # of "api" and of "worker"
    db: asyncpg.Pool
    redis: Redis
    environment: dict[str, str]
    home: Path
    watchdog: Watchdog
    servers: tuple[int, int]  # the pids of Postgres and Redis
    port: int
    inherits: tuple[int, ...] = ()
    api: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def start_api(self, **settings: str) -> None:
        self.api = self._start("api", settings)
        deadline = time.monotonic() + START_SECONDS
        while not await self._is_live():
            if self.api.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the API of the {self.name} did not start:\n{self.log_tail('api')}")
            await asyncio.sleep(0.02)

    def start_worker(self, **settings: str) -> subprocess.Popen[bytes]:
        self.workers.append(self._start("worker", settings))
        return self.workers[-1]

    async def stop_workers(self) -> None:
        stopping, self.workers = self.workers, []
        for process in stopping:
            await self.end(process, signal.SIGTERM)

    async def stop(self) -> None:
        await self.stop_workers()
        if self.api:
            await self.end(self.api, signal.SIGTERM)
            self.api = None

    async def end(self, process: subprocess.Popen[bytes], how: signal.Signals) -> None:
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)  # it may be frozen
        deadline = time.monotonic() + 15
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
            await asyncio.sleep(0.01)
        self.watchdog.forget(process)

    async def empty(self) -> None:
        """Delete all orders, and leave the database no work to do during the next measurement."""
        await self.db.execute("TRUNCATE orders CASCADE")
        if await self.db.fetchval("SELECT to_regclass('chain.transactions')"):
            await self.db.execute("TRUNCATE chain.transactions")
        if not self.workers:  # a running worker would have to recover from that
            await self.redis.flushdb()
        await self.db.execute("CHECKPOINT")

    def log_tail(self, role: str) -> str:
        return "\n".join((self.home / f"{self.name}-{role}.log").read_text(errors="replace").splitlines()[-15:])

    def _start(self, role: str, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with (self.home / f"{self.name}-{role}.log").open("ab") as log:
            process = subprocess.Popen(
                self.commands[role],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=_clean() | self.environment | dict(settings),
                pass_fds=self.inherits,
                start_new_session=True,
            )
        self.watchdog.watch(process, signal.SIGTERM, Stage.PROCESSES)
        return process

    async def _is_live(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            async with asyncio.timeout(1):
                answer = await reader.read()
            writer.close()
        except (OSError, TimeoutError):
            return False
        return answer.startswith(b"HTTP/1.1 200")


@dataclass
class Environment:
    """Durable servers as `engine up` starts them, and the systems measured on them."""

    home: Path
    watchdog: Watchdog
    data_home: DataHome
    postgres: Server
    redis: Server
    engine: System
    peer: System | None

    @property
    def systems(self) -> list[System]:
        return [self.engine, self.peer] if self.peer else [self.engine]

    @property
    def programs(self) -> Path:
        """The directory of pgbench."""
        return binaries.postgres(self.data_home.account)


@contextlib.asynccontextmanager
async def bench_environment(*, with_peer: bool = True, commit_times: bool = False) -> AsyncIterator[Environment]:
    """`commit_times`: Postgres records the commit time of each transaction."""
    home = _home()
    watchdog = Watchdog(removes=home)
    async with contextlib.AsyncExitStack() as closing:
        closing.callback(watchdog.end)
        data_home = prepare(home, durable=True)
        postgres = servers.start_postgres(data_home, watchdog)
        redis = servers.start_valkey(data_home, watchdog)
        await asyncio.gather(servers.wait_until_ready(postgres), servers.wait_until_ready(redis))
        if commit_times:
            postgres = await _with_commit_times(postgres, data_home, watchdog)
        listener = closing.enter_context(listen("127.0.0.1", 0))
        await asyncio.to_thread(upgrade, postgres.url)
        shared = home, watchdog, (postgres.process.pid, redis.process.pid)
        engine = await _system(closing, "engine", postgres.url, redis.url, *shared, port=listener.getsockname()[1])
        engine.commands = {role: [sys.executable, "-P", "-m", "app.cli", role] for role in ("api", "worker")}
        engine.environment |= {LISTEN_FD_VARIABLE: str(listener.fileno()), "ENGINE_HOME": str(home / "engine")}
        engine.inherits = (listener.fileno(),)
        peer = None
        if with_peer and peer_is_installed():
            await engine.db.execute("CREATE DATABASE peer")
            peer = await _system(
                closing, "peer", _path(postgres.url, "peer"), _path(redis.url, "1"), *shared, port=free_port()
            )
            peer.commands = {role: ["node", str(PEER / f"{role}.js")] for role in ("api", "worker")}
            peer.environment |= {"PORT": str(peer.port), "NODE_ENV": "production"}
            await peer.db.execute(await asyncio.to_thread((PEER / "schema.sql").read_text))
        made = Environment(home, watchdog, data_home, postgres, redis, engine, peer)
        yield made


def peer_is_installed() -> bool:
    return shutil.which("node") is not None and (PEER / "node_modules").is_dir()


async def _system(
    closing: contextlib.AsyncExitStack,
    name: str,
    postgres: str,
    redis: str,
    home: Path,
    watchdog: Watchdog,
    servers: tuple[int, int],
    *,
    port: int,
) -> System:
    db = await asyncpg.create_pool(postgres, min_size=0, max_size=4)
    closing.callback(db.terminate)
    client = Redis.from_url(redis)
    closing.push_async_callback(client.aclose)
    environment = FREE | {"DATABASE_URL": postgres, "REDIS_URL": redis}
    return System(name, {}, db, client, environment, home, watchdog, servers, port)


async def _with_commit_times(postgres: Server, data_home: DataHome, watchdog: Watchdog) -> Server:
    connection = await asyncpg.connect(postgres.url)
    await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    await connection.close()
    postgres.process.send_signal(signal.SIGINT)
    await asyncio.to_thread(postgres.process.wait)
    watchdog.forget(postgres.process)
    again = servers.start_postgres(data_home, watchdog)
    await servers.wait_until_ready(again)
    return again


def _home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="engine-bench-"))
    home.chmod(0o711)  # started by root, Postgres runs under another account
    return home


def _clean() -> dict[str, str]:
    """Our environment without a developer's settings. No .env is read: the processes run in another directory."""
    foreign = ("DATABASE_", "DB_", "REDIS_", "MOCK_", "QUEUE_", "API_", "ENGINE_", "WORKER_", "LOG_", "MAX_", "PG")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"PYTHONPATH": str(CLONE)}


def _path(url: str, name: str) -> str:
    """Another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def free_port() -> int:
    with listen("127.0.0.1", 0) as probe:
        return int(probe.getsockname()[1])
