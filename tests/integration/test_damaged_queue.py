"""Redis holds what no engine has written, or has lost its scripts: orders go on."""

import pytest

from app.orders.queue.order_queue import (
    CHECKS,
    PRIMING,
    QUEUE_KEYS,
    RENEW_LOCKS,
    STARTS,
    WINDOW,
    OrderQueue,
)
from app.orders.queue.start_limit import StartLimit
from app.redis_scripts import Pipeline, pipelined
from tests.engine import HAPPY, Engine
from tests.integration.test_order_queue import FIRST, SECOND, enqueue, queue, taken

__all__ = ["queue"]


async def test_entries_that_are_no_text_are_dropped_and_cost_no_start(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    queue = OrderQueue(engine.redis, StartLimit(3))
    await queue.prime(await queue.loss(), [])
    await enqueue(engine.redis, queue, {FIRST: 20})
    await engine.redis.zadd(STARTS, {b"\xff": 1})
    await engine.redis.zadd(CHECKS, {b"\xfe": 1})
    jobs = (await queue.take(10, token="worker", lock_seconds=60)).jobs
    assert [job.entry for job in jobs] == [FIRST]
    assert await engine.redis.zrange(WINDOW, 0, -1) == [jobs[0].grant.encode()]
    assert [await engine.redis.zscore(STARTS, b"\xff"), await engine.redis.zscore(CHECKS, b"\xfe")] == [None, None]
    assert {record.__dict__["entry"] for record in caplog.records} == {r"b'\xff'", r"b'\xfe'"}


async def test_keys_of_a_wrong_type_are_a_loss_of_data_and_orders_go_on(engine: Engine, queue: OrderQueue) -> None:
    for key in QUEUE_KEYS:
        await engine.redis.delete(key)
        await engine.redis.set(key, "x") if key != PRIMING else await engine.redis.lpush(key, "x")  # type: ignore[misc]
        assert await queue.loss(), key
    await engine.start_worker()
    await engine.redis.set(STARTS, "x")
    order = await engine.place()
    assert (await engine.read_stream(order["orderId"])).statuses == HAPPY


async def test_after_redis_lost_its_scripts_every_pipeline_runs(engine: Engine, queue: OrderQueue) -> None:
    await enqueue(engine.redis, queue, {FIRST: 20})
    await engine.redis.script_flush()

    def fill(pipe: Pipeline) -> None:
        RENEW_LOCKS.add_to(pipe, [CHECKS, STARTS], ["worker", 1_000])
        queue.enqueue(pipe, {SECOND: -10})

    await pipelined(engine.redis, fill)
    assert await taken(queue) == [FIRST]
    assert await taken(queue) == [SECOND]
