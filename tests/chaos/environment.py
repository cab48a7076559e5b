"""The environment of a fault: real servers behind proxies, and the processes of the engine, which can be killed."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis.asyncio import Redis

from app.local import servers
from app.local.data_home import prepare
from app.local.servers import Server
from app.local.watchdog import Stage, Watchdog
from app.redis_scripts import PipelinedPool
from app.server.listener import LISTEN_FD_VARIABLE, listen
from migrations.upgrade import upgrade
from tests import postgres_template
from tests.chaos.proxy import LinkState, Proxy

CLONE = Path(__file__).resolve().parents[2]


@dataclass
class Process:
    popen: "subprocess.Popen[bytes]"
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def send(self, sent: signal.Signals) -> None:
        if self.running:
            self.popen.send_signal(sent)

    async def exited(self, within: float = 20) -> int:
        deadline = time.monotonic() + within
        while self.running:
            assert time.monotonic() < deadline, f"still running after {within} s:\n{self.log_tail()}"
            await asyncio.sleep(0.02)
        return int(self.popen.returncode)

    def log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.exited()


@dataclass
class Environment:
    """A database and a Redis of its own. All processes end with it."""

    home: Path
    watchdog: Watchdog
    postgres: Server
    redis_server: Server
    to_postgres: Proxy
    to_chain: Proxy
    to_redis: Proxy
    db: asyncpg.Pool
    redis: Redis
    settings: dict[str, str]
    listener: socket.socket
    processes: list[Process] = field(default_factory=list)
    postgres_url: str | None = None  # of other servers than these, without a proxy
    redis_url: str | None = None
    chain_url: str | None = None  # of the simulated chain; None: where the engine's tables are

    @property
    def base_url(self) -> str:
        host, port = self.listener.getsockname()
        return f"http://{host}:{port}"

    def start(
        self,
        role: str,
        settings: Mapping[str, str] = MappingProxyType({}),
        *,
        sabotage: Mapping[str, Any] | None = None,
        tree: Path = CLONE,
    ) -> Process:
        """Start an `api`, a `worker` or a `watcher`, sabotaged or not; `tree`: of another version."""
        chain_url = self.chain_url or self.postgres_url or _via_proxy(self.postgres.url, self.to_chain.port)
        chosen = {"chain_url": chain_url} | dict(sabotage or {})
        log = self.home / f"{role}-{len(self.processes)}.log"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MOCK_", "API_", "QUEUE_"))},
            **self.settings,
            **settings,
            "DATABASE_URL": self.postgres_url or _via_proxy(self.postgres.url, self.to_postgres.port),
            "REDIS_URL": self.redis_url or _via_proxy(self.redis_server.url, self.to_redis.port),
            LISTEN_FD_VARIABLE: str(self.listener.fileno()),
            "PYTHONPATH": str(tree),
        }
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.sabotaged_process", role, json.dumps(chosen)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.home,
                env=environment,
                pass_fds=[self.listener.fileno()],
                start_new_session=True,
            )
        self.watchdog.watch(popen, signal.SIGKILL, Stage.PROCESSES)
        self.processes.append(process := Process(popen, log))
        return process

    async def end_processes(self) -> None:
        for process in self.processes:
            process.send(signal.SIGCONT)
            await process.kill()
            self.watchdog.forget(process.popen)
        self.processes.clear()

    async def clear(self) -> None:
        """Back to the start: no processes, no orders, an empty Redis, undisturbed connections."""
        await self.end_processes()
        self.postgres_url = self.redis_url = self.chain_url = None
        for proxy in (self.to_postgres, self.to_chain, self.to_redis):
            proxy.set(LinkState.UP)
            proxy.reset()
            proxy.throttle(0)
        await self.redis.flushall()
        await self.db.execute(
            "TRUNCATE orders, order_groups, prices, newest_slots, watermarks, daily_volumes, lost_swaps,"
            " signed_swaps, webhooks, webhook_deliveries CASCADE"
        )
        await self.db.execute("DELETE FROM trading_states")
        if await self.db.fetchval("SELECT to_regclass('chain.transactions')"):
            await self.db.execute("TRUNCATE chain.transactions, chain.set_prices, chain.launches")

    async def kill_redis(self) -> None:
        self.redis_server.process.kill()
        self.redis_server.process.wait()
        self.watchdog.forget(self.redis_server.process)

    async def start_redis(self) -> None:
        self.redis_server = servers.start_valkey(self._data_home(), self.watchdog)
        await servers.wait_until_ready(self.redis_server)
        self.to_redis.target = self.redis_server.port
        await self.redis.aclose()
        self.redis = Redis.from_pool(PipelinedPool.from_url(self.redis_server.url))

    async def restart_postgres(self) -> None:
        """Kill all processes of the server, then start it again; it recovers from its log."""
        process = self.postgres.process
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        for child in children:  # each is in a group of its own, and would hold the shared memory until it notices
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        process.wait()
        self.watchdog.forget(process)
        self.postgres = servers.start_postgres(self._data_home(), self.watchdog)
        await servers.wait_until_ready(self.postgres)
        self.to_postgres.target = self.to_chain.target = self.postgres.port
        self.db.terminate()
        self.db = await asyncpg.create_pool(self.postgres.url, min_size=0, max_size=4)

    @property
    def redis_data(self) -> Path:
        data: Path = self._data_home().data
        return data / "valkey"

    def _data_home(self) -> Any:
        return prepare(self.home, durable=True)


@contextlib.asynccontextmanager
async def chaos_environment(**settings: str) -> AsyncIterator[Environment]:
    """Durable servers like those of `make up`. The engine has no simulated delays unless a setting says so."""
    home = Path(tempfile.mkdtemp(prefix="engine-chaos-"))
    home.chmod(0o711)
    watchdog = Watchdog(removes=home)
    listener = listen("127.0.0.1", 0)
    try:
        await asyncio.to_thread(postgres_template.copy_to, home)
        data_home = prepare(home, durable=True)
        postgres = servers.start_postgres(data_home, watchdog)
        valkey = servers.start_valkey(data_home, watchdog)
        await asyncio.gather(servers.wait_until_ready(postgres), servers.wait_until_ready(valkey))
        await asyncio.to_thread(upgrade, postgres.url)
        proxies = [Proxy(postgres.port), Proxy(postgres.port), Proxy(valkey.port)]
        for proxy in proxies:
            await proxy.start()
        chosen = {
            "ENGINE_HOME": str(home / secrets.token_hex(4)),
            "API_MAX_ORDERS_PER_MIN": "0",
            "API_MAX_READS_PER_MIN": "0",
            "QUEUE_MAX_PER_MIN": "0",
            "LEASE_SECONDS": "1",
            "RETRY_BASE_SECONDS": "0.2",
            "MOCK_QUOTE_MS": "0",
            "MOCK_EXECUTION_MS_MIN": "0",
            "MOCK_EXECUTION_MS_MAX": "0",
            "LOG_FORMAT": "json",
        }
        db = await asyncpg.create_pool(postgres.url, min_size=0, max_size=4)
        made = Environment(
            home=home,
            watchdog=watchdog,
            postgres=postgres,
            redis_server=valkey,
            to_postgres=proxies[0],
            to_chain=proxies[1],
            to_redis=proxies[2],
            db=db,
            redis=Redis.from_pool(PipelinedPool.from_url(valkey.url)),
            settings=chosen | settings,
            listener=listener,
        )
        try:
            yield made
        finally:
            await made.end_processes()
            await made.redis.aclose()
            made.db.terminate()
            for proxy in proxies:
                await proxy.stop()
    finally:
        listener.close()
        watchdog.end()


def _via_proxy(url: str, port: int) -> str:
    """The address of the same server through a proxy."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"))
