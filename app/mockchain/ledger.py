"""The simulated chain: an outside system that keeps its ledger in the same database server, and nothing in memory.

What becomes of a swap is decided and written when it is first sent, so no process has to live for it to land.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from random import Random
from typing import Any, Protocol

import asyncpg
import orjson

from app.batching import Batcher
from app.dex import base58
from app.dex.chain import BLOCKHASH_LIFE, Blockhash, Outcome, SignedSwap, Signer, Snapshot
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap
from app.mockchain import statements, transaction
from app.mockchain.outcome import STALE_LIFE, Conditions, plan_outcome

# Its few statements find rows by their signature, however many there are by now.
PLANNED_ONCE = {
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    **dict.fromkeys(("enable_seqscan", "enable_hashjoin", "enable_mergejoin"), "off"),
}

MAX_SWAPS = 100  # in one statement, which compares each with each

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class Fills(Protocol):
    """A venue whose swaps this chain can execute."""

    @property
    def name(self) -> str: ...

    def fill(self, swap: BuiltSwap, slot: int) -> int:
        """What the swap brings at a slot, or `DexError`."""


class MockChain:
    """A `Chain` on a table. Every answer is given in bounded time; trouble is a `DexError`."""

    poll_seconds = 0.05

    def __init__(
        self, pool: "asyncpg.Pool[Any]", venues: Sequence[Fills], conditions: Conditions, *, patience: float
    ) -> None:
        self._pool = pool
        self._venues = {venue.name: venue for venue in venues}
        self._conditions = conditions
        self._patience = patience
        self._signer: Signer = transaction.SimulatedSigner()
        self._nodes = Random(f"{conditions.seed}/nodes")
        self._prepared = False
        self._clock_ms, self._read_at = 0, float("-inf")
        self._write: Batcher[dict[str, Any], Snapshot | None] = Batcher(
            self._write_all, max_batch=MAX_SWAPS, at_once=2, key=lambda row: row["signature"]
        )

    @staticmethod
    async def open(
        dsn: str,
        *,
        venues: Sequence[Fills],
        block_ms: int = 400,
        execution_ms_min: int = 2_000,
        execution_ms_max: int = 3_000,
        failure_rate: float = 0.0,
        seed: int = 1,
        connections: int = 4,
        patience: float = 5.0,
    ) -> "MockChain":
        """The chain over a database of its own connections. A server that is away is only missed when needed."""
        pool = await asyncpg.create_pool(
            dsn, min_size=0, max_size=connections, timeout=3, reset=_nothing_to_reset, server_settings=PLANNED_ONCE
        )
        conditions = Conditions(block_ms, execution_ms_min, execution_ms_max, failure_rate, seed)
        chain = MockChain(pool, venues, conditions, patience=patience)
        with suppress(DexError):  # then the first question prepares it
            async with chain._answering("rpc_timeout"):
                pass
        return chain

    async def close(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def blockhash(self) -> Blockhash:
        """The newest one; of a chain with failures, sometimes one from a node that lags far behind."""
        slot = await self._now_ms("rpc_timeout") // self._conditions.block_ms
        age = 0
        if self._nodes.random() < self._conditions.stale_rate:
            age = BLOCKHASH_LIFE - STALE_LIFE
        digest = blake2b(f"{self._conditions.seed}/{slot - age}".encode(), digest_size=32).digest()
        return Blockhash(base58.encode(digest), slot - age + BLOCKHASH_LIFE, slot)

    async def sign(self, swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
        return await transaction.sign(swap, self._signer, memo=memo, attempt=attempt, blockhash=blockhash)

    async def send(self, signed: SignedSwap) -> Snapshot | None:
        """Decide the outcome of a swap, once: sending it again changes nothing. A send that is too late is ignored."""
        sent, now_ms = transaction.decode(signed.payload), await self._now_ms("outcome_unknown")
        decided = plan_outcome(signed, sent.swap, now_ms, self._conditions, self._fill)
        return await self._write(
            {
                "signature": signed.signature,
                "memo": sent.memo,
                "status": decided.status,
                "code": decided.code,
                "amount_out": decided.amount_out,
                "slot": decided.slot,
                "landed_ms": decided.landed_ms,
                "last_valid_height": signed.last_valid_height,
            }
        )

    async def _write_all(self, decided: list[dict[str, Any]]) -> list[Snapshot | None]:
        async with self._answering("outcome_unknown"):
            text = orjson.dumps(decided).decode()
            rows = await self._pool.fetch(statements.SEND, text, self._conditions.block_ms)
        found = {row["signature"]: row for row in rows}
        # What another process sends may not show yet: not to see it proves nothing.
        return [
            None if (row := found[swap["signature"]])["status"] is None else self._snapshot(row) for swap in decided
        ]

    async def ended(self, signatures: Sequence[str]) -> tuple[int, dict[str, Outcome]]:
        async with self._answering("rpc_timeout"):
            rows = await self._pool.fetch(statements.ENDED, signatures)
        self._read_clock(now_ms := rows[0]["now_ms"])
        return now_ms // self._conditions.block_ms, {row["signature"]: _outcome(row) for row in rows if row["status"]}

    async def ask(self, signature: str) -> Snapshot:
        """Height and outcome as of one moment. A dropped transaction looks like one that was never sent."""
        async with self._answering("rpc_timeout"):
            row: Any = await self._pool.fetchrow(statements.ASK, signature)
            if row["status"] is None:  # as far as can be seen without waiting for anybody
                async with self._pool.acquire() as connection, connection.transaction():
                    await connection.execute(statements.ABSENT_LOCK, signature)
                    row = await connection.fetchrow(statements.ASK, signature)
        return self._snapshot(row)

    def _snapshot(self, row: Any) -> Snapshot:
        self._read_clock(row["now_ms"])
        height = row["now_ms"] // self._conditions.block_ms
        if row["status"] not in ("landed", "failed") or not row["over"]:
            return Snapshot(height, None)
        return Snapshot(height, _outcome(row))

    def _fill(self, swap: BuiltSwap, slot: int) -> int:
        venue = self._venues.get(swap.venue)
        if venue is None:
            raise DexError("venue_unavailable", "The chain knows no such venue.")
        return venue.fill(swap, slot)

    async def _now_ms(self, code: str) -> int:
        """The database's clock. Read lately, it is read on from there: for less than a block, and never ahead."""
        since = (time.monotonic() - self._read_at) * 1000
        if since < self._conditions.block_ms:
            return self._clock_ms + int(since)
        async with self._answering(code):
            self._read_clock(await self._pool.fetchval(statements.CLOCK))
        return self._clock_ms

    def _read_clock(self, now_ms: int) -> None:
        self._clock_ms, self._read_at = now_ms, time.monotonic()

    @asynccontextmanager
    async def _answering(self, code: str) -> AsyncIterator[None]:
        """A conversation with the ledger, in bounded time; trouble becomes `code`."""
        try:
            async with asyncio.timeout(self._patience):
                if not self._prepared:
                    await self._prepare()
                yield
        except asyncpg.InternalClientError as error:  # the driver has lost its place in a broken connection
            await self._pool.expire_connections()
            raise DexError(code, "The chain's connection broke.") from error
        except _AWAY as error:
            raise DexError(code, f"The chain did not answer ({type(error).__name__}).") from error

    async def _prepare(self) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(statements.OPEN_LOCK)
            await connection.execute(statements.OPEN)
        self._prepared = True


def _outcome(row: Any) -> Outcome:
    amount_out = None if row["amount_out"] is None else int(row["amount_out"])
    return Outcome(row["status"], row["slot"], amount_out, row["code"])


async def _nothing_to_reset(_: Any) -> None:
    """Every statement stands alone; the stock reset would cost a round trip for each."""
