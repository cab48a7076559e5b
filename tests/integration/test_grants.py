"""A start happens soon after its grant or not at all, and every start is counted, whatever freezes or restarts."""

import asyncio
import math
import time
from uuid import UUID

import asyncpg
import pytest

from app.orders.events.publisher import EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.kill_switch.switch import KillSwitch
from app.orders.model import Order
from app.orders.queue import order_queue
from app.orders.queue.order_queue import STARTS, WINDOW, OrderQueue
from app.orders.queue.start_limit import GRANT_SECONDS, JUMP_MS, WINDOW_MS, StartLimit
from app.orders.steps import ClaimRefused
from app.orders.store import statements, sweep
from app.orders.store.sweep import SweepStore
from app.orders.store.writes import OrderStore
from tests.engine import Engine, eventually
from tests.fakes import in_a_while
from worker.sweeper import Sweeper


def test_the_window_is_longer_than_a_minute_the_age_of_a_grant_and_an_unnoticed_jump() -> None:
    clock_rates = 0.0005 * 2 * 60  # as far as a time service slews two clocks apart in a minute
    assert 60 + GRANT_SECONDS + clock_rates + JUMP_MS / 1000 <= WINDOW_MS / 1000


async def test_a_start_that_was_granted_too_long_ago_does_not_happen(engine: Engine) -> None:
    order = UUID((await engine.place())["orderId"])
    store = OrderStore(engine.postgres)
    refused = await store.claim(order, start_by=time.monotonic() - 0.001)
    assert isinstance(refused, ClaimRefused)
    assert refused.too_late
    assert refused.seconds is not None
    assert refused.seconds < 0  # queued again in its place
    assert await engine.starts() == []
    assert isinstance(await store.claim(order, start_by=time.monotonic() + GRANT_SECONDS), Order)


async def test_a_claim_that_waited_in_postgres_past_its_deadline_starts_nothing(
    engine: Engine, postgres_dsn: str
) -> None:
    order = UUID((await engine.place())["orderId"])
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=2) as pool:
        store = OrderStore(pool)
        blocker = await asyncpg.connect(postgres_dsn)
        async with blocker.transaction():
            await blocker.execute("LOCK orders")  # as if the server were frozen
            claiming = asyncio.create_task(store.claim(order, start_by=time.monotonic() + 0.05))

            async def waits() -> bool:
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                return bool(await engine.postgres.fetchval(waiting)) and time.monotonic() > began + 0.05

            began = time.monotonic()
            await eventually(waits)
        await blocker.close()
        assert isinstance(await claiming, ClaimRefused)
    assert await engine.starts() == []


async def test_after_postgres_clock_was_set_back_no_claim_starts_with_an_old_grant(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = UUID((await engine.place())["orderId"])
    monkeypatch.setattr(statements, "CLOCK", "SELECT clock_timestamp() + interval '1 minute' AS clock")  # before that
    store = OrderStore(engine.postgres)
    refused = await store.claim(order, start_by=time.monotonic() - 30)
    assert isinstance(refused, ClaimRefused)
    assert refused.too_late
    assert refused.seconds is not None
    assert refused.seconds < 0
    assert await engine.starts() == []
    assert isinstance(await store.claim(order, start_by=time.monotonic() + GRANT_SECONDS), Order)


async def test_an_order_whose_worker_froze_before_the_claim_is_started_with_a_new_grant(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_queue, "GRANT_SECONDS", 0.2)
    claim, claims = OrderStore.claim, 0

    async def frozen(store: OrderStore, order_id: UUID, *, start_by: float) -> Order | ClaimRefused:
        nonlocal claims
        claims += 1
        if claims == 1:
            await asyncio.sleep(start_by - time.monotonic())
        return await claim(store, order_id, start_by=start_by)

    monkeypatch.setattr(OrderStore, "claim", frozen)
    await engine.start_worker()
    order = await engine.place()
    assert (await engine.read_stream(order["orderId"])).statuses[-1] == "confirmed"
    assert claims == 2
    assert (await engine.order(order["orderId"]))["attempt"] == 1
    assert await engine.redis.zcard(WINDOW) == 1  # the first grant was given back


@pytest.fixture
def sweeper(engine: Engine) -> Sweeper:
    return Sweeper(
        store=SweepStore(engine.postgres),
        redis=engine.redis,
        queue=OrderQueue(engine.redis, StartLimit(4)),
        publisher=EventPublisher(engine.redis, EventSignatures.of(engine.settings), keep_seconds=60),
        start_limit=StartLimit(4),
        kill_switch=KillSwitch(engine.postgres),
    )


async def four_started(engine: Engine) -> None:
    await engine.start_worker(queue_max_per_min=4)
    for order in [await engine.place() for _ in range(4)]:
        await engine.read_stream(order["orderId"])


async def test_a_redis_that_was_restarted_and_has_lost_grants_gives_none_before_it_was_primed(engine: Engine) -> None:
    await four_started(engine)
    late = [(await engine.place())["orderId"] for _ in range(3)]
    [marker] = await engine.redis.zrange(STARTS, -1, -1)
    assert (await engine.redis.info("server"))["run_id"] in marker.decode()
    async with engine.redis.pipeline() as restarted:  # what a restart leaves that lost the last second of its file
        restarted.zrem(STARTS, marker)
        restarted.zadd(STARTS, {"@primed:the run before:its history": math.inf})
        restarted.delete(WINDOW)
        await restarted.execute()

    async def primed() -> bool:
        return await engine.redis.zscore(STARTS, marker) is not None

    await eventually(primed)
    assert await engine.redis.zcard(WINDOW) == 4
    assert await engine.redis.zcount(STARTS, "+inf", "+inf") == 1
    assert {(await engine.order(order))["status"] for order in late} == {"pending"}
    assert len(await engine.starts()) == 4


async def test_what_redis_still_has_of_the_window_is_not_counted_twice(engine: Engine, sweeper: Sweeper) -> None:
    await four_started(engine)
    await engine.redis.zremrangebyscore(STARTS, "+inf", "+inf")
    await sweeper.round()
    assert await engine.redis.zcard(WINDOW) == 4


@pytest.mark.parametrize("seen", [True, False])  # before Redis lost its data
async def test_after_postgres_clock_jumped_forward_the_window_is_restored_whole(
    engine: Engine, sweeper: Sweeper, monkeypatch: pytest.MonkeyPatch, *, seen: bool
) -> None:
    await four_started(engine)
    monkeypatch.setattr(sweep, "CLOCK", "SELECT clock_timestamp() - interval '1 hour' AS clock")
    await sweeper.round()
    monkeypatch.undo()
    await engine.postgres.execute("UPDATE order_events SET at = at - interval '1 hour'")
    if seen:
        await sweeper.round()
    await engine.redis.flushdb()
    await sweeper.round()
    assert await engine.redis.zcard(WINDOW) == 4
    assert await OrderQueue(engine.redis, StartLimit(4)).loss() == ""


async def test_ages_that_were_read_before_a_loss_do_not_prime(engine: Engine) -> None:
    queue = OrderQueue(engine.redis, StartLimit(4))
    losses = []
    for _ in range(2):
        await engine.redis.flushdb()
        losses.append(await queue.loss())
    assert losses[0] != losses[1]
    assert await queue.loss() == losses[1]
    assert not await queue.prime(losses[0], [])
    assert await queue.prime(losses[1], [])
    assert await queue.loss() == ""


async def test_starts_are_read_from_postgres_only_after_the_claims_under_way_have_ended(engine: Engine) -> None:
    await engine.place()
    store = SweepStore(engine.postgres)
    assert await store.writes_end(1) == set()  # nothing is under way
    connection = await engine.postgres.acquire()
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO order_events SELECT id, 2, 'routing', 1, now() FROM orders")
    assert await store.writes_end(0.1) == {connection.get_server_pid()}
    ended = asyncio.create_task(store.writes_end(10))
    await transaction.commit()
    await engine.postgres.release(connection)
    assert await asyncio.wait_for(ended, 1) == set()
    assert len(await store.recent_starts(60, 10)) == 1


async def test_a_foreign_transaction_that_stays_open_delays_no_start_after_redis_was_lost(
    engine: Engine, postgres_dsn: str, sweeper: Sweeper
) -> None:
    await engine.place()
    foreign = await asyncpg.connect(postgres_dsn, server_settings={"application_name": "psql"})
    async with foreign.transaction():
        await foreign.execute("UPDATE order_events SET attempt = attempt")
        await engine.redis.flushdb()
        await sweeper.round()
        assert await OrderQueue(engine.redis, StartLimit(4)).loss() == ""
    await foreign.close()


# As a move would, if it waited for a locked row.
WRITE = """
INSERT INTO order_events (order_id, seq, status, attempt, at)
SELECT id, 99, 'building', 1, now() FROM orders WHERE id = $1 FOR UPDATE
"""


async def test_a_write_that_does_not_end_stops_the_starts_but_not_the_sweep_and_is_logged_once(
    engine: Engine, postgres_dsn: str, sweeper: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    queue = OrderQueue(engine.redis, StartLimit(4))
    order = UUID((await engine.place())["orderId"])
    blocker = await asyncpg.connect(postgres_dsn, server_settings={"application_name": "psql"})
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=2) as pool:
        store = OrderStore(pool)
        claimed = await store.claim(order, start_by=in_a_while())
        assert isinstance(claimed, Order)
        async with blocker.transaction():
            await blocker.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", order)
            writing = asyncio.create_task(pool.execute(WRITE, order))
            await eventually(lambda: blocker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            late = (await engine.place(expiresInSeconds=5))["orderId"]
            await engine.postgres.execute("UPDATE orders SET expires_at = now(), look_at = now() WHERE id = $1", late)
            await engine.redis.flushdb()
            for _ in range(2):
                await sweeper.round()
            assert await queue.loss() != ""
            assert (await engine.order(late))["status"] == "expired"
        await writing
    await sweeper.round()
    assert await queue.loss() == ""
    assert await engine.redis.zcard(WINDOW) == 1
    [warning] = [one for one in caplog.records if "does not end" in one.message]
    assert f"waits for pid {blocker.get_server_pid()}, application 'psql'" in str(vars(warning)["writes"])
    await blocker.close()
