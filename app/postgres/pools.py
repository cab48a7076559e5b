"""Connection pools to Postgres, and the timeouts and plans of their connections."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import asyncpg

from app.keepalive import POSTGRES_KEEPALIVE
from app.postgres.errors import POSTGRES_UNAVAILABLE
from app.postgres.hosts import EngineConnection, connect, follow
from app.tasks import cancel_and_wait

# Reads are planned anew for each execution: a plan that was cached while a table was empty would scan the table, or a
# whole index, once it is full. Writes find their rows by key only. Their plan is cached, with every other kind of plan
# switched off: that halves their cost on the server.
READ_PLANS = {"plan_cache_mode": "force_custom_plan", "enable_seqscan": "off"}
WRITE_PLANS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

MAX_WRITERS = 5  # two for each kind of batched statement (a worker has two kinds), and one for all other writes
MAX_INTERNAL = 2
READ_SECONDS = 3.0  # Postgres ends a caller's read that takes longer
FROZEN_SECONDS = 3.0  # and the transaction of a process that was frozen in it: others wait for its locks
ENDS_FROZEN = {"idle_in_transaction_session_timeout": str(round(FROZEN_SECONDS * 1000))}

Init = Callable[[asyncpg.Connection], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Postgres:
    """The connection pools of one process. A long read of a caller delays neither a write nor the engine itself."""

    writing: asyncpg.Pool
    reading: asyncpg.Pool  # what callers ask for: may take long
    lagging: asyncpg.Pool  # of that, what may be a moment old: of a replica, if there is one
    internal: asyncpg.Pool  # short: health, keys, capacity, the events of streams; waits 1 s for a lock
    following: "list[asyncio.Task[None]]"  # the primary, if there are several hosts

    def open(self) -> int:
        return sum(pool.get_size() for pool in self._pools)

    def idle(self) -> int:
        return sum(pool.get_idle_size() for pool in self._pools)

    async def close(self) -> None:
        await cancel_and_wait(*self.following)
        for pool in self._pools:
            with contextlib.suppress(*POSTGRES_UNAVAILABLE):  # nobody answers, and its connections are cut
                async with asyncio.timeout(1):
                    await pool.close()

    @property
    def _pools(self) -> tuple[asyncpg.Pool, ...]:
        pools = self.writing, self.reading, self.internal
        return pools if self.lagging is self.reading else (*pools, self.lagging)


async def open_postgres(
    dsn: str, *, size: int, before_writing: Init | None = None, read_dsn: str | None = None
) -> Postgres:
    """Connections are opened at first use, so a process can start before its database.

    `before_writing`: is called with each new connection of `writing` and of `internal` before that is used.
    """
    writers, internal = min(MAX_WRITERS, size // 2), max(1, min(MAX_INTERNAL, size // 4))
    readers, of_reads = size - writers - internal, READ_PLANS | {"statement_timeout": f"{READ_SECONDS * 1000:.0f}"}
    reading = await _pool(dsn, readers, of_reads)
    return Postgres(
        writing=await _pool(dsn, writers, WRITE_PLANS, before_writing),
        reading=reading,
        lagging=await _pool(read_dsn, readers, of_reads, standby=True) if read_dsn else reading,
        internal=await _pool(dsn, internal, READ_PLANS | {"lock_timeout": "1000"}, before_writing),
        following=follow(dsn),
    )


async def _pool(
    dsn: str, size: int, settings: Mapping[str, str], init: Init | None = None, *, standby: bool = False
) -> asyncpg.Pool:
    return await open_pool(
        dsn,
        size,
        {"application_name": "order-execution-engine", **ENDS_FROZEN, **settings},
        init=init,
        standby=standby,
    )


async def open_pool(
    dsn: str,
    size: int,
    server_settings: Mapping[str, str],
    *,
    command_timeout: float | None = 10,
    init: Init | None = None,
    standby: bool = False,
) -> asyncpg.Pool:
    """Connections to the primary, or to a standby, opened when they are needed."""
    pool: asyncpg.Pool = await asyncpg.create_pool(
        dsn,
        connect=cast("Any", partial(connect, standby=standby)),
        connection_class=EngineConnection,
        min_size=0,
        max_size=size,
        timeout=3,
        command_timeout=command_timeout,
        init=init,
        reset=no_reset,
        server_settings={
            "jit": "off",
            "client_connection_check_interval": "1000",
            **POSTGRES_KEEPALIVE,
            **server_settings,
        },
    )
    return pool


async def no_reset(_: Any) -> None:
    """Our statements leave no session state, and asyncpg's default reset costs a round trip each."""
