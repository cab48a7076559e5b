"""The engine and its peers are values of one class: an API process and workers, on servers that they share."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from app.local.watchdog import Stage, Watchdog
from tests.bench.client import CLONE

START_SECONDS = 30.0

# For all systems. No simulated delays, and starts are not limited.
FREE = {
    "QUEUE_MAX_PER_MIN": "0",
    "MOCK_QUOTE_MS": "0",
    "MOCK_EXECUTION_MS_MIN": "0",
    "MOCK_EXECUTION_MS_MAX": "0",
    "WORKER_CONCURRENCY": "10",
    "LOG_FORMAT": "json",  # as in production
}
# Everything that production checks is checked and counted, with limits that no run reaches.
LIMITS_ON = {
    "ENGINE_MODE": "production",
    "ALLOWED_ORIGINS": "https://bench.internal",
    "API_MAX_ORDERS_PER_MIN": "1000000",
    "API_MAX_READS_PER_MIN": "1000000",
    "MAX_ORDER_USD": "1000000",
    "MAX_DAILY_USD": "1000000000000",
    "QUEUE_MAX_PER_OWNER": "1000000",
    "QUEUE_MAX_DEPTH": "1000000",
    "MAX_SOCKETS_PER_OWNER": "20000",
}
LIMITS_OFF = {
    "ENGINE_MODE": "local",
    "API_MAX_ORDERS_PER_MIN": "0",
    "API_MAX_READS_PER_MIN": "0",
    "MAX_ORDER_USD": "0",
    "MAX_DAILY_USD": "0",
}


@dataclass
class System:
    """The engine or a peer: its processes and its database."""

    name: str
    commands: Mapping[str, list[str]]  # of "api" and of "worker"
    db: asyncpg.Pool
    redis: Redis
    environment: dict[str, str]
    home: Path
    watchdog: Watchdog
    servers: tuple[int, int]  # the pids of Postgres and Redis
    port: int
    callers: list[str] = field(default_factory=list)  # a header line of each, with its key
    tables: tuple[str, ...] = ("orders",)  # what to empty between runs, with all tables that refer to them
    fraction: int = 1  # a slow system gets one order in so many
    inherits: tuple[int, ...] = ()
    api: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def caller(self) -> str:
        return self.callers[0] if self.callers else ""

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

    async def stop_api(self) -> None:
        if self.api:
            await self.end(self.api, signal.SIGTERM)
            self.api = None

    async def stop_workers(self) -> None:
        stopping, self.workers = self.workers, []
        for process in stopping:
            await self.end(process, signal.SIGTERM)

    async def stop(self) -> None:
        await self.stop_workers()
        await self.stop_api()

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
        made = [table for table in self.tables if await self.db.fetchval("SELECT to_regclass($1)", table)]
        await self.db.execute(f"TRUNCATE {', '.join(made)} CASCADE")
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
                env=clean_environment() | self.environment | dict(settings),
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


def clean_environment() -> dict[str, str]:
    """Ours without a developer's settings. No .env is read: the processes run in another directory."""
    servers, engine = ("DATABASE_", "DB_", "REDIS_", "PG", "DBOS_"), ("API_", "QUEUE_", "WORKER_", "MOCK_", "ENGINE_")
    foreign = (*servers, *engine, "LOG_", "MAX_", "ALLOWED_", "PUBLIC_", "TRUST_", "HOST", "PORT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"PYTHONPATH": str(CLONE)}
