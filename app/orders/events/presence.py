"""Which sockets watch which order, for operators. Kept in Redis, without a table: it is out of date within seconds."""

import asyncio
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.asyncio import Redis

from app.redis_client import REDIS_UNAVAILABLE
from app.redis_scripts import pack, pipelined_connection
from app.tasks import cancel_and_wait, run_forever

WATCHERS = "engine:watchers:"  # + order id: hash of socket → since when, in which process
PROCESS = "engine:api:"  # + process: lives as long as the process does
PROCESS_SECONDS = 15
MAX_PENDING = 10_000  # changes not yet written; the oldest are dropped


@dataclass(frozen=True, slots=True)
class Watcher:
    id: str
    order: str
    connected_at: datetime


class Presence:
    """Written in the background: no stream waits for it."""

    def __init__(self, redis: Redis, *, keep_seconds: int) -> None:
        self._redis = redis
        self._keep_seconds = keep_seconds
        self._process = secrets.token_hex(6)
        self._count = 0
        self._changes: deque[tuple[Watcher, bool]] = deque(maxlen=MAX_PENDING)
        self._not_empty = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            run_forever("presence", self._write),
            run_forever("presence-process", self._renew_process),
        ]

    async def stop(self) -> None:
        await cancel_and_wait(*self._tasks)
        with suppress(*REDIS_UNAVAILABLE):
            await self._redis.delete(PROCESS + self._process)

    @contextmanager
    def watching(self, order: str) -> Iterator[Watcher]:
        """A socket watches this order while the block runs."""
        self._count += 1
        watcher = Watcher(f"{self._process}-{self._count}", order, datetime.now(UTC))
        self._change(watcher, True)
        try:
            yield watcher
        finally:
            self._change(watcher, False)

    async def watchers(self, order: str) -> list[Watcher]:
        """The sockets that watch an order, in API processes that are running."""
        entries = await self._redis.hgetall(WATCHERS + order)  # type: ignore[misc]
        found = []
        for name, value in entries.items():
            with suppress(ValueError):  # not written by us
                found.append(Watcher(name.decode(), order, datetime.fromisoformat(value.decode())))
        running = {
            process: await self._redis.exists(PROCESS + process)
            for process in {watcher.id.partition("-")[0] for watcher in found}
        }
        return sorted(
            (watcher for watcher in found if running[watcher.id.partition("-")[0]]),
            key=lambda watcher: watcher.connected_at,
        )

    def _change(self, watcher: Watcher, opened: bool) -> None:
        self._changes.append((watcher, opened))
        self._not_empty.set()

    async def _write(self) -> None:
        while True:
            await self._not_empty.wait()
            self._not_empty.clear()
            changes = list(self._changes)
            self._changes.clear()
            commands = [packed for watcher, opened in changes for packed in self._commands(watcher, opened)]
            with suppress(*REDIS_UNAVAILABLE):
                await pipelined_connection(self._redis).call_all(commands)

    def _commands(self, watcher: Watcher, opened: bool) -> Iterator[bytes]:
        key = WATCHERS + watcher.order
        if opened:
            yield pack("HSET", key, watcher.id, watcher.connected_at.isoformat())
            yield pack("EXPIRE", key, self._keep_seconds)
        else:
            yield pack("HDEL", key, watcher.id)

    async def _renew_process(self) -> None:
        while True:
            with suppress(*REDIS_UNAVAILABLE):
                await self._redis.set(PROCESS + self._process, "1", ex=PROCESS_SECONDS)
            await asyncio.sleep(PROCESS_SECONDS / 3)
