"""The queue in Redis: entries that were taken cost nothing, and an order whose worker dies keeps its place."""

import asyncio
import math
import signal
import time
from uuid import UUID

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis

from app.orders.events.publisher import EventPublisher
from app.orders.events.signature import EventSignatures
from app.orders.kill_switch.switch import KillSwitch
from app.orders.lifecycle import Status
from app.orders.model import Order
from app.orders.queue.lanes import Lane, queue_entry
from app.orders.queue.order_queue import (
    CHECKS,
    LANES,
    STARTS,
    JobResult,
    OrderQueue,
)
from app.orders.queue.start_limit import StartLimit
from app.orders.steps import ClaimRefused
from app.orders.store.sweep import SweepStore
from app.orders.store.writes import OrderStore
from app.redis_client import reconnecting_pool
from app.redis_scripts import Pipeline, pipelined
from tests.engine import Engine, eventually
from worker.arq_worker import ArqWorker
from worker.sweeper import Sweeper

ORDERS = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
FIRST, SECOND = [queue_entry(order, "market", "local") for order in ORDERS]
MARKET = f"{LANES}{Lane.MARKET:d}"
NOWHERE = queue_entry("00000000-0000-7000-8000-000000000003", "market", "local")
LOCKS = [f"arq:in-progress:{order}" for order in ORDERS]


@pytest.fixture
def queue(engine: Engine) -> OrderQueue:
    return OrderQueue(engine.redis, StartLimit(0))


async def enqueue(redis: Redis, queue: OrderQueue, waited: dict[str, float]) -> None:
    await pipelined(redis, lambda pipe: queue.enqueue(pipe, {order: -seconds for order, seconds in waited.items()}))


async def taken(queue: OrderQueue, *, lock_seconds: float = 60) -> list[str]:
    return [job.entry for job in (await queue.take(1, token="worker", lock_seconds=lock_seconds)).jobs]


async def due_in(redis: Redis, order: str) -> float:
    waiting, later = await redis.zscore(MARKET, order), await redis.zscore(STARTS, order)
    assert (waiting is None) != (later is None)  # it is in one place
    score = waiting if later is None else later
    assert score is not None
    seconds, microseconds = await redis.time()
    return float(score / 1000 - seconds - microseconds / 1e6)


async def test_what_is_taken_stays_in_the_queue_and_is_not_due_before_its_lock_expires(
    engine: Engine, queue: OrderQueue
) -> None:
    await enqueue(engine.redis, queue, {FIRST: 20, SECOND: 10})
    assert await taken(queue) == [FIRST]
    assert 50 < await due_in(engine.redis, FIRST) <= 60
    await queue.renew_locks([FIRST], token="worker", lock_seconds=120)
    assert 110 < await due_in(engine.redis, FIRST) <= 120
    await queue.renew_locks([FIRST], token="another worker", lock_seconds=600)
    assert await due_in(engine.redis, FIRST) <= 120
    assert (await queue.depth()).oldest_seconds == pytest.approx(10, abs=5)  # the second has waited longest now


async def test_an_order_whose_worker_died_is_due_when_its_lock_expires(engine: Engine, queue: OrderQueue) -> None:
    await enqueue(engine.redis, queue, {FIRST: 20})
    assert await taken(queue, lock_seconds=0.2) == [FIRST]

    async def taken_again() -> bool:
        return await taken(queue) == [FIRST]

    await eventually(taken_again)


async def test_an_order_that_is_queued_again_gets_its_old_place_back(engine: Engine, queue: OrderQueue) -> None:
    await enqueue(engine.redis, queue, {FIRST: 20, SECOND: 10})
    assert await taken(queue) == [FIRST]
    await enqueue(engine.redis, queue, {FIRST: 20})
    assert 15 < -await due_in(engine.redis, FIRST) < 25
    assert await taken(queue) == [SECOND]  # the lock of the first is still held


async def test_an_order_that_is_missing_due_too_late_or_in_the_wrong_queue_is_misplaced(
    engine: Engine, queue: OrderQueue
) -> None:
    await enqueue(engine.redis, queue, {FIRST: 20, SECOND: 10})
    waiting = {FIRST: -20.0, SECOND: -10.0, NOWHERE: 0.0}
    assert await queue.misplaced(waiting) == {NOWHERE}
    assert await queue.misplaced(waiting, submitted=True) == set(waiting)
    assert await queue.misplaced({FIRST: -40.0, SECOND: -5.0}) == {FIRST}
    assert await taken(queue) == [FIRST]  # its worker may have died since
    assert await queue.misplaced(waiting) == {FIRST, NOWHERE}
    await engine.redis.zadd(CHECKS, {SECOND: 0})
    assert await queue.misplaced(waiting) == set(waiting)


async def test_at_its_start_a_sweeper_moves_orders_to_the_queue_they_belong_in(
    engine: Engine, queue: OrderQueue
) -> None:
    pending, submitted = [(await engine.place())["orderId"] for _ in range(2)]
    await engine.postgres.execute(
        "UPDATE orders SET status = 'routing'; UPDATE orders SET status = 'building'; "
        "UPDATE orders SET status = 'submitted', lease_until = NULL"
    )
    await engine.postgres.execute("UPDATE orders SET status = 'pending' WHERE id = $1", UUID(pending))
    await engine.redis.zadd(
        CHECKS, {await engine.lose(pending): 0}
    )  # its worker died while it recorded that the swap had failed
    sweeper = Sweeper(
        store=SweepStore(engine.postgres),
        redis=engine.redis,
        queue=queue,
        publisher=EventPublisher(engine.redis, EventSignatures.of(engine.settings), keep_seconds=60),
        start_limit=StartLimit(0),
        kill_switch=KillSwitch(engine.postgres),
    )
    await sweeper.round()
    assert await engine.redis.zrange(MARKET, 0, -1) == [queue_entry(pending, "market", "local").encode()]
    assert await engine.redis.zrange(CHECKS, 0, -1) == [queue_entry(submitted, "market", "local").encode()]
    assert await engine.redis.zcard(STARTS) == 1  # the marker


async def test_an_order_that_was_queued_for_a_check_is_not_started(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    store = OrderStore(engine.postgres)
    refused = await store.claim(UUID(order), start_by=-math.inf)
    assert isinstance(refused, ClaimRefused)
    assert refused.status is Status.PENDING
    claimed = await store.claim(UUID(order), start_by=math.inf)
    assert isinstance(claimed, Order)


async def test_only_what_was_queued_for_a_start_may_start(engine: Engine, queue: OrderQueue) -> None:
    allowed: dict[str, bool] = {}

    async def note(order: str, *, start_by: float) -> JobResult:
        allowed[order] = start_by > time.monotonic()
        return JobResult()

    started = ArqWorker(
        note,
        redis=ArqRedis(reconnecting_pool(engine.settings.redis_dsn or "")),
        queue=queue,
        concurrency=2,
        lease_seconds=5,
        grace_seconds=1,
        redis_lost=lambda: None,
        may_start=lambda: True,
        dropped_halted=lambda _: None,
        may_run=lambda: True,
        signals=False,
    )
    working = asyncio.create_task(started.work())

    def fill(pipe: Pipeline) -> None:
        queue.enqueue(pipe, {FIRST: 0}, submitted=True)
        queue.enqueue(pipe, {SECOND: 0})

    await pipelined(engine.redis, fill)

    async def both_ran() -> bool:
        return allowed == {ORDERS[0]: False, ORDERS[1]: True}

    await eventually(both_ran)
    started.handle_sig_wait_for_completion(signal.SIGTERM)
    await working
    await started.pool.aclose(close_connection_pool=True)


async def test_a_job_whose_lock_another_worker_holds_is_left_alone(engine: Engine, queue: OrderQueue) -> None:
    await enqueue(engine.redis, queue, {FIRST: 20, SECOND: 10})
    jobs = [job for _ in range(2) for job in (await queue.take(1, token="worker", lock_seconds=60)).jobs]
    assert all(job.start_by > time.monotonic() for job in jobs)
    await engine.redis.set(LOCKS[0], "another worker")
    await queue.finish([(job, JobResult()) for job in jobs], token="worker")
    assert await engine.redis.zscore(STARTS, FIRST) is not None
    assert await engine.redis.zscore(STARTS, SECOND) is None


async def test_a_job_goes_back_to_the_queue_that_its_result_names(engine: Engine, queue: OrderQueue) -> None:
    await enqueue(engine.redis, queue, {FIRST: 20, SECOND: 10})
    jobs = (await queue.take(2, token="worker", lock_seconds=60)).jobs
    results = [JobResult(requeue_in=30, submitted=True), JobResult(requeue_in=40)]
    await queue.finish(list(zip(jobs, results, strict=True)), token="worker")
    assert await engine.redis.zrange(CHECKS, 0, -1) == [FIRST.encode()]
    assert 35 < await due_in(engine.redis, SECOND) <= 40
    assert await engine.redis.exists(*LOCKS) == 0
    await enqueue(engine.redis, queue, {FIRST: 0})  # and is due for a check
    await engine.redis.zadd(CHECKS, {FIRST: 0})
    assert [job.start_by for job in (await queue.take(1, token="worker", lock_seconds=60)).jobs] == [-math.inf]


async def test_the_first_lost_worker_costs_an_order_no_place(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    before = await engine.postgres.fetchval(
        """UPDATE orders SET status = 'routing', seq = 2, attempt = 1, claims = 1, fence = 1, look_at = now(),
                  lease_until = now() - interval '1 second', ready_at = now() - interval '1 hour' RETURNING ready_at"""
    )
    swept = await SweepStore(engine.postgres).sweep(10)
    assert [entry.id for entry in swept.to_queue] == [UUID(order)]
    assert await engine.postgres.fetchval("SELECT ready_at FROM orders") == before
    assert -3605 < swept.to_queue[0].due_in < -3595
