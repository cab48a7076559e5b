"""Nothing that waits is forgotten, whatever Redis and Postgres did when it was to be looked after."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from redis.asyncio import Redis

import worker.main
from app.dex.errors import DexError
from app.orders.events.publisher import EventPublisher
from app.orders.model import ClaimRefused, Order
from app.orders.queue.order_queue import CHECKS, STARTS, OrderQueue
from app.orders.store.sweep import SweepStore
from app.orders.store.writes import OrderStore
from app.postgres import DatabaseUnavailable
from app.redis_client import fail_fast_redis
from tests.chaos.proxy import LinkState, Proxy
from tests.engine import Engine, eventually
from tests.fakes import After, ScriptedChain, ScriptedVenue
from worker.execution import Execution
from worker.sweeper import Sweeper


@pytest.fixture
async def to_redis(engine: Engine) -> AsyncIterator[Proxy]:
    proxy = Proxy(int((engine.settings.redis_dsn or "").rpartition(":")[2].split("/")[0]))
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def sweeper(engine: Engine, to_redis: Proxy) -> AsyncIterator[Sweeper]:
    login = (engine.settings.redis_dsn or "").rpartition("@")[0]
    redis = fail_fast_redis(f"{login}@127.0.0.1:{to_redis.port}/0")
    yield Sweeper(
        orphans=SweepStore(engine.postgres),
        redis=redis,
        queue=OrderQueue(redis, starts_per_minute=0),
        publisher=EventPublisher(redis, keep_seconds=60),
        starts_per_minute=100,
    )
    await redis.aclose()


async def in_line(redis: Redis, order: str) -> bool:
    return await redis.zscore(STARTS, order) is not None


async def test_an_order_swept_while_redis_was_away_is_queued_as_soon_as_it_is_back(
    engine: Engine, to_redis: Proxy, sweeper: Sweeper
) -> None:
    await sweeper._round()
    order = (await engine.place())["orderId"]
    await engine.redis.zrem(STARTS, order)
    await engine.postgres.execute("UPDATE orders SET look_at = now(), updated_at = now() - interval '5 minutes'")
    to_redis.set(LinkState.DOWN)
    await sweeper._round()  # the book now believes that somebody has looked after it, for minutes
    to_redis.set(LinkState.UP)
    await sweeper._round()
    assert await in_line(engine.redis, order)


async def test_a_line_whose_laying_was_interrupted_is_laid_in_the_next_round(
    engine: Engine, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sweeper._round()
    order = (await engine.place())["orderId"]
    await engine.redis.flushall()

    async def no_page(*_: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(sweeper._orphans, "waiting", no_page)
        with pytest.raises(DatabaseUnavailable):
            await sweeper._round()
    assert not await in_line(engine.redis, order)
    await sweeper._round()
    assert await in_line(engine.redis, order)


async def test_a_start_puts_in_line_what_is_missing_and_leaves_the_rest_alone(engine: Engine, sweeper: Sweeper) -> None:
    there, missing = [(await engine.place())["orderId"] for _ in range(2)]
    await engine.redis.set(f"arq:job:{there}", "as it was")
    await engine.redis.zrem(STARTS, missing)
    await sweeper._round()
    assert await in_line(engine.redis, missing)
    assert await engine.redis.get(f"arq:job:{there}") == b"as it was"


class AnswerLost:
    """A book whose first claim is made, and not answered."""

    def __init__(self, book: OrderStore) -> None:
        self._book = book
        self._asked = 0

    async def claim(self, order: UUID, *, may_start: bool) -> Order | ClaimRefused:
        self._asked += 1
        claimed: Order | ClaimRefused = await self._book.claim(order, may_start=may_start)
        if self._asked == 1:
            raise DatabaseUnavailable
        return claimed


async def test_a_claim_that_was_made_but_not_answered_keeps_its_grant(engine: Engine, postgres_dsn: str) -> None:
    order = (await engine.place())["orderId"]
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=2) as pool:
        execution = Execution.__new__(Execution)
        execution._store = AnswerLost(OrderStore(pool))  # type: ignore[assignment]
        ending = await execution.run(order, may_start=True)
    assert ending.started
    assert ending.again_in is not None
    assert ending.again_in > 4  # until the lease that nobody knows of has run out


async def test_a_swap_on_its_way_is_handed_back_first_in_line_and_needs_no_start(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.main, "GRACE_SECONDS", 0.2)
    chain = ScriptedChain([None])
    pickup = await engine.start_worker(
        venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain, mock_execution_ms_max=60_000
    )
    order = (await engine.place())["orderId"]

    async def sent() -> bool:
        return bool(chain.sends)

    await eventually(sent)
    await engine.stop_worker(pickup)
    assert await engine.redis.zscore(CHECKS, order) is not None
    assert not await in_line(engine.redis, order)
    row = await engine.postgres.fetchrow("SELECT status, lease_until FROM orders")
    assert row is not None
    assert (row["status"], row["lease_until"]) == ("submitted", None)


async def test_an_order_that_was_handed_back_before_it_was_sent_counts_no_crash(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.main, "GRACE_SECONDS", 0.2)
    stuck = ScriptedVenue("raydium", [After(asyncio.Event(), DexError("venue_unavailable", "never"))])
    pickup = await engine.start_worker(venues=[stuck], chain=ScriptedChain())
    order = (await engine.place())["orderId"]

    async def asked() -> bool:
        return bool(stuck.asked)

    await eventually(asked)
    await engine.stop_worker(pickup)
    events = (await engine.order(order))["events"]
    assert [event["status"] for event in events] == ["pending", "routing", "pending"]
    assert events[-1]["code"] == "worker_lost"
    assert await engine.postgres.fetchval("SELECT claims FROM orders") == 0
    assert await in_line(engine.redis, order)
