"""The sweeper finds every order that no worker owns, whatever Redis and Postgres were doing when it was lost."""

import asyncio
import math
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

import worker.main
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.dex.router import Router
from app.network import open_network
from app.orders.events.publisher import EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.kill_switch.switch import KillSwitch
from app.orders.memo import Memos
from app.orders.model import Order
from app.orders.queue.lanes import queue_entry
from app.orders.queue.order_queue import CHECKS, OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.orders.signed_swaps import SignedSwaps
from app.orders.steps import ClaimRefused
from app.orders.store.sweep import SweepStore
from app.orders.store.writes import OrderStore
from app.postgres.errors import DatabaseUnavailable
from app.postgres.pools import ENDS_FROZEN, open_postgres
from app.redis_client import fail_fast_redis
from tests.chaos.proxy import LinkState, Proxy
from tests.engine import Engine, eventually
from tests.fakes import After, ScriptedChain, ScriptedVenue, in_a_while
from worker.execution import Execution
from worker.lease import Leases
from worker.retry import RetryPolicy
from worker.risk import RiskChecks
from worker.sweeper import Sweeper


@pytest.fixture
async def redis_link(engine: Engine) -> AsyncIterator[Proxy]:
    proxy = Proxy(int((engine.settings.redis_dsn or "").rpartition(":")[2].split("/")[0]))
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def sweeper(engine: Engine, redis_link: Proxy) -> AsyncIterator[Sweeper]:
    login = (engine.settings.redis_dsn or "").rpartition("@")[0]
    redis = fail_fast_redis(f"{login}@127.0.0.1:{redis_link.port}/0")
    yield Sweeper(
        store=SweepStore(engine.postgres),
        redis=redis,
        queue=OrderQueue(redis, StartLimit(0)),
        publisher=EventPublisher(redis, EventSignatures.of(engine.settings), keep_seconds=60),
        start_limit=StartLimit(100),
        kill_switch=KillSwitch(engine.postgres),
    )
    await redis.aclose()


async def test_an_order_swept_while_redis_was_down_is_queued_as_soon_as_redis_is_back(
    engine: Engine, redis_link: Proxy, sweeper: Sweeper
) -> None:
    await sweeper.round()
    order = (await engine.place())["orderId"]
    await engine.lose(order)
    await engine.postgres.execute("UPDATE orders SET look_at = now(), updated_at = now() - interval '5 minutes'")
    redis_link.set(LinkState.DOWN)
    await sweeper.round()  # in Postgres the order is now examined, and not due again for minutes
    redis_link.set(LinkState.UP)
    await sweeper.round()
    assert await engine.queued(order) is not None


async def test_a_rebuild_of_the_queue_that_was_interrupted_is_done_in_the_next_round(
    engine: Engine, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sweeper.round()
    order = (await engine.place())["orderId"]
    await engine.redis.flushall()

    async def no_page(*_: object) -> None:
        raise DatabaseUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(SweepStore, "all_queued", no_page)
        with pytest.raises(DatabaseUnavailable):
            await sweeper.round()
    assert await engine.queued(order) is None
    await sweeper.round()
    assert await engine.queued(order) is not None


async def test_at_its_start_a_sweeper_queues_what_is_missing_and_leaves_the_rest_alone(
    engine: Engine, sweeper: Sweeper
) -> None:
    queued, missing = [(await engine.place())["orderId"] for _ in range(2)]
    before = await engine.queued(queued)
    await engine.lose(missing)
    await sweeper.round()
    assert await engine.queued(missing) is not None
    assert await engine.queued(queued) == before


class FirstAnswerLost(OrderStore):
    """The first claim is made, and its answer lost."""

    claims = 0

    async def claim(self, order_id: UUID, *, start_by: float) -> Order | ClaimRefused:
        self.claims += 1
        claimed = await super().claim(order_id, start_by=start_by)
        if self.claims == 1:
            raise DatabaseUnavailable
        return claimed


async def test_a_claim_whose_answer_was_lost_keeps_its_grant(engine: Engine, postgres_dsn: str) -> None:
    order = (await engine.place())["orderId"]
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=2) as pool:
        store, publisher = (
            FirstAnswerLost(pool),
            EventPublisher(engine.redis, EventSignatures.of(engine.settings), keep_seconds=60),
        )
        execution = Execution(
            store=store,
            leases=Leases(store, publisher, KillSwitch(pool), lease_seconds=5),
            markets=Markets.load(),
            router=Router([]),
            chain=ScriptedChain(),
            memos=Memos("secret"),
            retry=RetryPolicy(max_attempts=3, base_seconds=2),
            confirm_seconds=1,
            risk=RiskChecks(open_network(engine.settings), engine.settings, SignedSwaps(pool)),
            explorer_url=lambda signature: None,
        )
        result = await execution.run(order, start_by=math.inf)
    assert result.start_used
    assert result.requeue_in is not None
    assert result.requeue_in > 4  # until the lease of the lost claim expires


async def test_at_shutdown_a_submitted_order_is_released_for_a_check_that_needs_no_start(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.main, "GRACE_SECONDS", 0.2)
    chain = ScriptedChain([None])
    stopping = await engine.start_worker(
        venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain, mock_execution_ms_max=60_000
    )
    order = (await engine.place())["orderId"]

    async def sent() -> bool:
        return bool(chain.sends)

    await eventually(sent)
    await engine.stop_worker(stopping)
    assert await engine.redis.zscore(CHECKS, queue_entry(order, "market", "local")) is not None
    assert await engine.queued(order) is None
    row = await engine.postgres.fetchrow("SELECT status, lease_until FROM orders")
    assert row is not None
    assert (row["status"], row["lease_until"]) == ("submitted", None)


async def test_at_shutdown_an_order_that_was_not_sent_is_released_and_counts_no_crash(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.main, "GRACE_SECONDS", 0.2)
    stuck = ScriptedVenue("raydium", [After(asyncio.Event(), DexError("venue_unavailable", "never"))])
    stopping = await engine.start_worker(venues=[stuck], chain=ScriptedChain())
    order = (await engine.place())["orderId"]

    async def quoting() -> bool:
        return bool(stuck.asked)

    await eventually(quoting)
    await engine.stop_worker(stopping)
    events = (await engine.order(order))["events"]
    assert [event["status"] for event in events] == ["pending", "routing", "pending"]
    assert events[-1]["code"] == "worker_lost"
    assert await engine.postgres.fetchval("SELECT claims FROM orders") == 0
    assert await engine.queued(order) is not None


@pytest.mark.parametrize(
    ("claims", "status", "waits"),
    [(1, "pending", False), (4, "pending", True), (5, "failed", False)],
)
async def test_an_order_whose_workers_die_waits_longer_each_time_and_fails_in_the_end(
    engine: Engine, claims: int, status: str, waits: bool
) -> None:
    order = (await engine.place())["orderId"]
    await engine.postgres.execute(
        """UPDATE orders SET status = 'routing', seq = 2, attempt = 1, claims = $1, fence = 1, look_at = now(),
                  lease_until = now() - interval '1 second'""",
        claims,
    )
    swept = await SweepStore(engine.postgres).sweep(10)
    [(_, _, event)] = swept.events
    assert (event.status, event.details["code"]) == (status, "worker_lost")
    if status == "failed":
        assert "retryInMs" not in event.details
        assert swept.to_queue == []
    else:
        assert (event.details["retryInMs"] > 0) == waits
        assert [entry.id for entry in swept.to_queue] == [UUID(order)]


async def test_a_submitted_order_without_a_lease_is_queued_for_a_check_and_never_taken_back(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    for status in ("routing", "building", "submitted"):
        await engine.postgres.execute("UPDATE orders SET status = $1", status)
    await engine.postgres.execute("UPDATE orders SET look_at = now(), lease_until = now() - interval '1 second'")
    swept = await SweepStore(engine.postgres).sweep(10)
    assert swept.events == []
    assert [(entry.id, entry.submitted) for entry in swept.to_queue] == [(UUID(order), True)]
    assert await engine.postgres.fetchval("SELECT status FROM orders") == "submitted"


async def test_a_process_frozen_while_it_sweeps_delays_no_start_of_the_other_orders(engine: Engine) -> None:
    store = OrderStore(engine.postgres)
    swept, other = [UUID((await engine.place())["orderId"]) for _ in range(2)]
    async with engine.postgres.acquire() as frozen, frozen.transaction():
        await frozen.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", swept)
        claims = [asyncio.create_task(store.claim(order, start_by=in_a_while())) for order in (swept, other)]
        refused, claimed = await asyncio.wait_for(asyncio.gather(*claims), 5)
    assert isinstance(claimed, Order)
    assert isinstance(refused, ClaimRefused)
    assert refused.seconds == 0.5  # queued again
    assert isinstance(await store.claim(swept, start_by=in_a_while()), Order)


@pytest.mark.parametrize("pool", ["writing", "internal"])
async def test_postgres_ends_the_transaction_of_a_frozen_process(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, pool: str
) -> None:
    monkeypatch.setitem(ENDS_FROZEN, "idle_in_transaction_session_timeout", "50")
    postgres = await open_postgres(engine.settings.postgres_dsn or "", size=4)
    frozen = await getattr(postgres, pool).acquire()
    pid = await frozen.fetchval("SELECT pg_backend_pid()")
    await frozen.execute("BEGIN")
    ended = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)"
    await eventually(lambda: engine.postgres.fetchval(ended, pid), within=20)
    await postgres.close()
