"""Orders that wait, and one watcher: a slot that meets nothing, a fall that meets thousands, price to pending, placing.

The tables are filled once, because that takes most of the time. Falls use up orders, so each round falls another 1 %.
"""

import asyncio
import statistics
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import permutations

import asyncpg

from app.dex.markets import Token
from app.network import Network, open_network
from app.orders.waiting.prices import PriceStore
from app.postgres.pools import open_postgres
from app.settings import Settings, load
from app.watcher.main import watcher
from app.watcher.recorder import Recorder, Tick
from tests.bench import dataset
from tests.bench.client import Client, client
from tests.bench.environment import bench_environment
from tests.bench.load import percentile
from tests.bench.processes import cpu
from tests.bench.rows import EXECUTE, IN_FLIGHT, ORDER, Plan, Result, require
from tests.bench.rows.post import warm_up
from tests.bench.systems import System
from tests.bench.table import ENGINE, TableRow, Target
from tests.waiting import place_limit

MANY, FEW, PAIRS = 1_000_000, 1_000, 20
TICKS = 200
SHORT_SLOT_MS = 2
MOVES, AT_EACH = 20, 10  # limit orders
POSTS = 3_000
LIMIT = '{"orderType":"limit","tokenIn":"SOL","tokenOut":"USDC","amount":"1.5","limitPrice":"1000"}'
SECONDS = 120.0
PENDING = "SELECT count(*) FROM order_events WHERE status = 'pending' AND at > $1"
RATE = """SELECT (count(*) - 1)::float8 / extract(epoch FROM max(at) - min(at)) FROM order_events
           WHERE status = 'pending' AND at > $1"""


@dataclass
class Market:
    """All pairs stand still, until they all move at once."""

    network: Network
    base: dict[str, Decimal]
    factor: Decimal = Decimal(1)
    from_slot: int = 0

    def mids(self, token_in: Token, token_out: Token, slot: int) -> Mapping[str, Decimal]:
        price = self.base[f"{token_in.symbol}/{token_out.symbol}"]
        now = price * self.factor if slot >= self.from_slot else price
        return dict.fromkeys(("meteora", "raydium"), now)

    def seen(self) -> Network:
        return replace(self.network, mids=self.mids)


async def run(plan: Plan) -> Result:
    more = TableRow(f"… times the cost over {FEW:,}", "", Target(at_most=2))
    rate = TableRow("a 1 % fall: stops fired by one watcher", "per second", Target(at_least=10_000))
    slowest = TableRow("price moves → limit order `pending`, p99", "ms", Target(at_most=420))
    many = MANY // 20 if plan.quick else MANY
    idle = TableRow(
        f"a slot that meets nothing, {many:,} open orders on {PAIRS} pairs, per pair", "ms", Target(at_most=1)
    )
    placing = TableRow("placing a limit order, processor time of the API", "times a market order", Target(at_most=1.2))
    async with AsyncExitStack() as closing:
        env = await closing.enter_async_context(bench_environment(peers=()))
        clients = await closing.enter_async_context(client())
        require(dataset.has_disk_space(env.data_home, many), f"the disk has no room for {many:,} orders")
        url, redis = env.engine.environment["DATABASE_URL"], env.engine.environment["REDIS_URL"]
        settings = load(database_url=url, redis_url=redis, mock_quote_ms=0, queue_max_per_min=0)
        market = _market(settings)
        await env.engine.start_api()
        await warm_up(env.engine, clients)
        for _ in range(plan.rounds):
            placing.add(ENGINE, await _placing(env.engine, clients))
        await env.engine.stop_api()
        for _ in range(plan.rounds):
            slowest.add(ENGINE, await _price_to_pending(env.engine.db, settings, market))
        await dataset.fill_open(env.engine.db, market.base, FEW)
        few = [await _idle(settings, market) for _ in range(plan.rounds)]
        await dataset.fill_open(env.engine.db, market.base, many)
        for before in few:
            full = await _idle(settings, market)
            idle.add(ENGINE, full / PAIRS)
            more.add(ENGINE, full / before)
        for n in range(plan.rounds):
            rate.add(ENGINE, await _fall(env.engine.db, settings, market, Decimal(99 - n) / 100))
    return Result([idle, more, rate, slowest, placing])


def _market(settings: Settings) -> Market:
    network = open_network(settings)
    pairs = [pair for pair in permutations(network.markets.tokens, 2) if network.markets.serves(*pair)][:PAIRS]
    base = {f"{a.symbol}/{b.symbol}": max(network.mids(a, b, 1).values()) for a, b in pairs}
    return Market(network, base)


async def _idle(settings: Settings, market: Market) -> float:
    """Milliseconds of one tick."""
    market.factor = Decimal(1)
    postgres = await open_postgres(settings.postgres_dsn or "", size=10)
    met: list[Tick] = []
    short = open_network(settings.model_copy(update={"mock_block_ms": SHORT_SLOT_MS}))
    recorder = Recorder(PriceStore(postgres.writing), replace(short, mids=market.mids), [met.append])
    took: list[float] = []
    try:
        while len(took) < TICKS:
            began = time.perf_counter()
            await recorder.tick()
            if met:  # a new slot
                took.append(time.perf_counter() - began)
                require(not met.pop().met(), "a slot met orders that it should not")
    finally:
        await postgres.close()
    return statistics.median(took) * 1000


async def _fall(db: asyncpg.Pool, settings: Settings, market: Market, factor: Decimal) -> float:
    """Orders fired per second."""
    await db.execute("TRUNCATE prices, newest_slots")
    began = await db.fetchval("SELECT clock_timestamp()")
    market.factor, market.from_slot = factor, 0
    async with watcher(settings, network=market.seen()):
        before, deadline = -1, time.monotonic() + SECONDS
        while before < (now := await db.fetchval(PENDING, began)) or now == 0:
            require(time.monotonic() < deadline, f"only {now} orders were fired")
            before = now
            await asyncio.sleep(2)
    return float(await db.fetchval(RATE, began))


async def _placing(system: System, clients: Client) -> float:
    """Processor time of the API for a limit order, as a multiple of that for a market order."""
    used = []
    for body in (LIMIT, ORDER):
        await system.empty()
        assert system.api
        before = cpu(system.api.pid)
        seen = await clients.call(
            "post",
            port=system.port,
            path=EXECUTE,
            body=body,
            count=POSTS,
            in_flight=IN_FLIGHT,
            callers=system.callers,
        )
        require(seen["statuses"] == {"202": POSTS}, f"the {system.name} answered {seen['statuses']}")
        used.append(cpu(system.api.pid) - before)
    return used[0] / used[1]


async def _price_to_pending(db: asyncpg.Pool, settings: Settings, market: Market) -> float:
    """Milliseconds from the beginning of the slot whose price meets a limit until the order is pending."""
    await db.execute("TRUNCATE orders, prices, newest_slots, watermarks CASCADE")
    market.factor = Decimal(1)
    pair = next(iter(market.base))
    token_in, _, token_out = pair.partition("/")
    seconds, delays = market.network.slot_seconds, []
    async with watcher(settings, network=market.seen()):
        for n in range(MOVES):
            level = f"{market.base[pair] * (1000 + n + 1) / 1000:.12f}"
            orders = [await place_limit(db, level, limit_out=1, pair=(token_in, token_out)) for _ in range(AT_EACH)]
            slot = market.network.slot_at(await db.fetchval("SELECT clock_timestamp()")) + 2
            market.factor, market.from_slot = Decimal(1000 + n + 2) / 1000, slot
            event = "SELECT at FROM order_events WHERE order_id = ANY($1) AND status = 'pending'"
            while len(rows := await db.fetch(event, orders)) < AT_EACH:
                await asyncio.sleep(0.02)
            delays += [(row["at"].timestamp() - slot * seconds) * 1000 for row in rows]
    return percentile(delays, 99)
