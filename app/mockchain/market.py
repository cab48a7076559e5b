"""Changes the simulated market by hand, and tells every process that trades on it.

A price that was set, or a token that was launched, is a row of the chain's schema, and holds from a slot in the near
future. Each process listens for new rows, so all of them know it before that slot, and nothing is asked while nothing
changes.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple
from decimal import Decimal

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app.dex.markets import Markets, PoolConfig, Token, UnknownToken
from app.dex.simulated.launches import CannotLaunch, Launch, pool_of
from app.dex.simulated.set_prices import Moved, SetPrice, SetPrices, check, moved, pair_of
from app.mockchain import statements
from app.postgres.errors import POSTGRES_UNAVAILABLE
from app.postgres.hosts import connect
from app.postgres.pools import ENDS_FROZEN, open_pool
from app.postgres.running import transaction
from app.tasks import cancel_and_wait, run_forever

log = logging.getLogger("engine.market")

AHEAD_SLOTS = 2
MIN_AHEAD_MS = 200  # for every process to hear of it, where slots are short
KEEP_MS = 60_000  # prices that were replaced; nobody asks for slots as old as that
MAX_POOLS = 1_000
READ_SECONDS = 5.0  # a notification may get lost with its connection

Mid = Callable[[Token, Token, int], Decimal]
"""The mid price of a pair at a slot."""


class SimulatedMarket:
    def __init__(
        self, dsn: str, pool: asyncpg.Pool, markets: Markets, prices: SetPrices, mid: Mid, *, block_ms: int
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self._markets = markets
        self._prices = prices
        self._last_launch = 0
        self._mid = mid
        self._block_ms = block_ms
        self._looked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @staticmethod
    async def open(dsn: str, markets: Markets, prices: SetPrices, mid: Mid, *, block_ms: int) -> "SimulatedMarket":
        """Reads what was changed by hand, and follows them until `close`. A server that is down is tried again."""
        pool = await open_pool(dsn, 1, ENDS_FROZEN)
        market = SimulatedMarket(dsn, pool, markets, prices, mid, block_ms=block_ms)
        market._task = run_forever("simulated market", market._follow)
        await market._looked.wait()
        return market

    async def close(self) -> None:
        if self._task is not None:
            await cancel_and_wait(self._task)
        try:
            async with asyncio.timeout(3):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    def is_set(self, token_in: Token, token_out: Token, slot: int) -> bool:
        """Whether the pair stands still because its price was set."""
        return self._prices.at(pair_of(token_in.symbol, token_out.symbol), slot * self._block_ms) is not None

    async def set_price(self, token_in: Token, token_out: Token, price: Decimal) -> Moved:
        """Raises `PriceOutOfRange`."""
        check(price, token_in, token_out)
        return await self._write(token_in, token_out, lambda _: price)

    async def move(self, token_in: Token, token_out: Token, bps: int) -> Moved:
        """From the pair's mid price in the slot from which it holds. Raises `PriceOutOfRange`."""

        def target(slot: int) -> Decimal:
            return check(moved(self._mid(token_in, token_out, slot), bps), token_in, token_out)

        return await self._write(token_in, token_out, target)

    async def release(self) -> int:
        """All pairs move by themselves again, from the slot that is returned."""
        async with self._writing() as (connection, slot):
            for one in self._prices.in_force(slot * self._block_ms):
                await connection.execute(statements.SET_PRICE, one.token_in, one.token_out, None, slot * self._block_ms)
        return slot

    async def launch(self, launch: Launch) -> tuple[PoolConfig, int]:
        """The pool, and the slot from which every process knows it. Launched twice, it is there once.

        Raises `CannotLaunch`.
        """
        async with self._writing() as (connection, slot):
            pool = pool_of(launch, self._markets)
            if len(self._markets.pools) >= MAX_POOLS:
                raise CannotLaunch(f"there are {MAX_POOLS} pools already")
            await connection.execute(statements.LAUNCH, *astuple(launch))
        return next(one for one in self._markets.pools if one.id == pool.id), slot

    async def _write(self, token_in: Token, token_out: Token, target: Callable[[int], Decimal]) -> Moved:
        async with self._writing() as (connection, slot):
            price = target(slot)
            await connection.execute(
                statements.SET_PRICE, token_in.symbol, token_out.symbol, price, slot * self._block_ms
            )
        return Moved(price, slot)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[tuple[PoolConnectionProxy, int]]:
        """A transaction, and the slot from which what it writes holds. DatabaseUnavailable: it may or may not hold."""
        async with transaction(self._pool) as connection:
            await connection.execute(statements.MARKET_LOCK)  # so that ids become visible in their order
            await self._read(connection)
            now_ms = await connection.fetchval(statements.CLOCK)
            await connection.execute(statements.FORGET, now_ms - KEEP_MS)
            await connection.execute(statements.TELL)
            yield connection, now_ms // self._block_ms + max(AHEAD_SLOTS, -(-MIN_AHEAD_MS // self._block_ms))
        async with transaction(self._pool) as connection:
            await self._read(connection)

    async def _follow(self) -> None:
        """Reads what is new whenever Postgres says so. Returns once the connection is lost, to be started again."""
        told = asyncio.Event()
        try:
            connection = await connect(self._dsn, timeout=3, command_timeout=10)
            try:
                await statements.prepare(connection)
                connection.add_termination_listener(lambda _: told.set())
                await connection.add_listener(statements.CHANNEL, lambda *_: told.set())
                while not connection.is_closed():
                    told.clear()
                    await self._read(connection)
                    self._looked.set()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(READ_SECONDS):
                            await told.wait()
            finally:
                connection.terminate()
        except POSTGRES_UNAVAILABLE:
            pass
        finally:
            self._looked.set()

    async def _read(self, connection: asyncpg.Connection | PoolConnectionProxy) -> None:
        """What this process does not know yet."""
        if rows := await connection.fetch(statements.SET_PRICES, self._prices.last_id):
            newest = rows[-1]["from_ms"]
            self._prices.add((SetPrice(**row) for row in rows), forget_before_ms=newest - KEEP_MS)
        for row in await connection.fetch(statements.LAUNCHES, self._last_launch):
            self._last_launch = max(self._last_launch, row["id"])
            fields = {name: value for name, value in row.items() if name != "id"}
            try:
                pool = pool_of(Launch(**fields), self._markets)
            except (CannotLaunch, UnknownToken):
                log.warning("a launched token cannot be traded", extra={"symbol": row["symbol"]})
            else:
                self._markets.add((pool.x, pool.y), (pool,))
