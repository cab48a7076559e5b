"""The simulated chain: an external system whose ledger is a table in the same database server.

- The outcome of a swap is decided and written when it is first sent. It lands even if every process dies after that.
- Nothing that matters is kept in memory: every process sees the same chain.
- Its connections are its own, and it is never in a transaction with the engine's tables.
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
from app.dex.chain import (
    BLOCKHASH_LIFE,
    Blockhash,
    FoundSwap,
    Known,
    Outcome,
    SignedSwap,
    Signer,
    Snapshot,
    mark_known,
)
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap
from app.mockchain import statements, transaction
from app.mockchain.outcome import STALE_LIFE, Conditions, plan_outcome
from app.postgres.pools import ENDS_FROZEN, WRITE_PLANS, open_pool

MAX_SWAPS = 100  # in one statement, whose cost grows with their square
CLOCK_SECONDS = 10.0  # a send must not wait for the clock: the permission to send may be over by then

_UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class FillingVenue(Protocol):
    """A venue whose swaps this chain can execute."""

    @property
    def name(self) -> str: ...

    def fill(self, swap: BuiltSwap, slot: int) -> int:
        """The amount out at a slot; `DexError` if the swap fails."""


class MockChain:
    """A `Chain` on a table. Every call ends in bounded time; its errors are `DexError`s."""

    poll_seconds = 0.05

    def __init__(
        self, pool: "asyncpg.Pool[Any]", venues: Sequence[FillingVenue], conditions: Conditions, *, call_timeout: float
    ) -> None:
        self._pool = pool
        self._venues = {venue.name: venue for venue in venues}
        self._conditions = conditions
        self._call_timeout = call_timeout
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
        venues: Sequence[FillingVenue],
        block_ms: int = 400,
        execution_ms_min: int = 2_000,
        execution_ms_max: int = 3_000,
        failure_rate: float = 0.0,
        seed: int = 1,
        connections: int = 4,
        call_timeout: float = 5.0,
    ) -> "MockChain":
        """Open the chain with its own connections. A server that is down matters only when it is needed."""
        pool = await open_pool(dsn, connections, WRITE_PLANS | ENDS_FROZEN, command_timeout=None)
        conditions = Conditions(block_ms, execution_ms_min, execution_ms_max, failure_rate, seed)
        chain = MockChain(pool, venues, conditions, call_timeout=call_timeout)
        with suppress(DexError):  # the first call prepares the schema then
            async with chain._querying("rpc_timeout"):
                pass
        return chain

    async def close(self) -> None:
        try:
            async with asyncio.timeout(self._call_timeout):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def blockhash(self) -> Blockhash:
        """The newest one. With failures injected, sometimes one from a node that lags far behind."""
        slot = await self._now_ms("rpc_timeout") // self._conditions.block_ms
        age = 0
        if self._nodes.random() < self._conditions.stale_rate:
            age = BLOCKHASH_LIFE - STALE_LIFE
        digest = blake2b(f"{self._conditions.seed}/{slot - age}".encode(), digest_size=32).digest()
        return Blockhash(base58.encode(digest), slot - age + BLOCKHASH_LIFE, slot)

    async def sign(self, swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
        return await transaction.sign(swap, self._signer, memo=memo, attempt=attempt, blockhash=blockhash)

    async def send(self, signed: SignedSwap, *, not_after: float) -> Snapshot | None:
        """Decide the outcome of a swap, once: sending it again changes nothing. A send that is too late is ignored."""
        sent, now_ms = transaction.decode(signed.payload), await self._now_ms("outcome_unknown")
        # The statement may wait for long, so it compares this with its own clock. The last reading of that clock is
        # older than the time it was noted at, so this is never too late.
        send_by_ms = self._clock_ms + int((not_after - self._read_at) * 1000)
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
                "now_ms": now_ms,
                "send_by_ms": send_by_ms,
                "venue": sent.swap.venue,
                "token_in": sent.swap.route[0],
                "token_out": sent.swap.route[-1],
                "amount_in": sent.swap.amount_in,
            }
        )

    async def _write_all(self, decided: list[dict[str, Any]]) -> list[Snapshot | Exception | None]:
        async with self._querying("outcome_unknown"):
            text = orjson.dumps(decided).decode()
            rows = await self._pool.fetch(statements.SEND, text, self._conditions.block_ms)
        found = {row["signature"]: row for row in rows}
        return [self._answer(swap, found[swap["signature"]]) for swap in decided]

    def _answer(self, swap: dict[str, Any], row: Any) -> Snapshot | DexError | None:
        self._read_clock(row["now_ms"])
        if row["status"] is not None:
            return self._snapshot(row)
        # A send of another process may not be visible yet, so a missing row proves nothing.
        return None if row["now_ms"] < swap["send_by_ms"] else DexError("outcome_unknown", "Too late to send it.")

    async def ended(self, signatures: Sequence[str]) -> tuple[int, dict[str, Outcome]]:
        async with self._querying("rpc_timeout"):
            rows = await self._pool.fetch(statements.ENDED, signatures)
        self._read_clock(now_ms := rows[0]["now_ms"])
        return now_ms // self._conditions.block_ms, {row["signature"]: _outcome(row) for row in rows if row["status"]}

    async def ask(self, signature: str) -> Snapshot:
        """Height and outcome at one moment. A dropped transaction looks like one that was never sent."""
        async with self._querying("rpc_timeout"):
            row: Any = await self._pool.fetchrow(statements.ASK, signature)
            self._read_clock(row["now_ms"])
            if row["status"] is None:  # but a send of it may not be committed yet
                async with self._pool.acquire() as connection, connection.transaction():
                    await connection.execute(statements.ABSENT_LOCK, signature)
                    row = await connection.fetchrow(statements.ASK, signature)
                    self._read_clock(row["now_ms"])  # not after the commit, which takes as long again
        return self._snapshot(row)

    async def find(self, about: Sequence[str], *, since: float = 0.0) -> tuple[int, list[FoundSwap]]:
        async with self._querying("rpc_timeout"), self._pool.acquire() as connection, connection.transaction():
            await connection.execute(statements.ALL_SENT)
            rows = await connection.fetch(statements.FIND, about)
        return rows[0]["now_ms"] // self._conditions.block_ms, [_found(row) for row in rows if row["memo"] is not None]

    async def newest(
        self, limit: int, *, before: str | None = None, after: str | None = None, known: Known | None = None
    ) -> list[FoundSwap]:
        async with self._querying("rpc_timeout"):
            rows = await self._pool.fetch(statements.NEWEST, limit, before, after)
        return await mark_known([_found(row) for row in rows], known)

    def _snapshot(self, row: Any) -> Snapshot:
        return Snapshot(row["now_ms"] // self._conditions.block_ms, _outcome_by_now(row))

    def _fill(self, swap: BuiltSwap, slot: int) -> int:
        venue = self._venues.get(swap.venue)
        if venue is None:
            raise DexError("venue_unavailable", "The chain does not know this venue.")
        return venue.fill(swap, slot)

    async def _now_ms(self, code: str) -> int:
        """The database's clock: for CLOCK_SECONDS extrapolated from the last reading. It never runs ahead."""
        since = time.monotonic() - self._read_at
        if since < CLOCK_SECONDS:
            return self._clock_ms + int(since * 1000)
        async with self._querying(code):
            self._read_clock(await self._pool.fetchval(statements.CLOCK))
        return self._clock_ms

    def _read_clock(self, now_ms: int) -> None:
        self._clock_ms, self._read_at = now_ms, time.monotonic()

    @asynccontextmanager
    async def _querying(self, code: str) -> AsyncIterator[None]:
        """Calls of the ledger in bounded time. An error becomes a `DexError` with this code."""
        try:
            async with asyncio.timeout(self._call_timeout):
                if not self._prepared:
                    await self._prepare()
                yield
        except (asyncpg.InternalClientError, asyncpg.ReadOnlySQLTransactionError) as error:  # as of any pool
            await self._pool.expire_connections()
            raise DexError(code, "The chain's connection broke.") from error
        except _UNAVAILABLE as error:
            raise DexError(code, f"The chain did not answer ({type(error).__name__}).") from error

    async def _prepare(self) -> None:
        async with self._pool.acquire() as connection:
            await statements.prepare(connection)
        self._prepared = True


def _found(row: Any) -> FoundSwap:
    amount_in = None if row["amount_in"] is None else int(row["amount_in"])
    what = {name: row[name] for name in ("memo", "signature", "at", "venue", "token_in", "token_out")}
    return FoundSwap(**what, amount_in=amount_in, outcome=_outcome_by_now(row))


def _outcome_by_now(row: Any) -> Outcome | None:
    return _outcome(row) if row["status"] in ("landed", "failed") and row["over"] else None


def _outcome(row: Any) -> Outcome:
    amount_out = None if row["amount_out"] is None else int(row["amount_out"])
    return Outcome(row["status"], row["slot"], amount_out, row["code"])
