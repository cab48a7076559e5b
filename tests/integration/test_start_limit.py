"""At most ten orders run at once per worker, and at most a hundred start in any minute across all workers."""

import asyncio
from datetime import datetime

import pytest

from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from tests.engine import Engine, eventually, max_in_window
from worker.main import worker


def max_at_once(intervals: list[tuple[datetime, datetime]]) -> int:
    """The largest number of intervals that overlap."""
    edges = sorted([(start, 1) for start, _ in intervals] + [(end, -1) for _, end in intervals])
    running = highest = 0
    for _, change in edges:
        running += change
        highest = max(highest, running)
    return highest


# The window is longer than what it guarantees, because a start is recorded some time after its grant.
@pytest.mark.parametrize(
    ("orders", "limit", "guaranteed_seconds"),
    [
        pytest.param(26, StartLimit(20, window_ms=4_000), 2.0, id="a short window"),
        pytest.param(130, StartLimit(100), 60.0, marks=pytest.mark.slow, id="the real window"),
    ],
)
async def test_no_window_has_more_starts_than_the_limit_at_most_10_run_at_once_and_all_end(
    engine: Engine, orders: int, limit: StartLimit, guaranteed_seconds: float
) -> None:
    await engine.start_worker(start_limit=limit, mock_quote_ms=10, mock_execution_ms_min=20, mock_execution_ms_max=40)
    await asyncio.gather(*(engine.place() for _ in range(orders)))

    async def all_ended() -> bool:
        return bool(await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'") == orders)

    await eventually(all_ended, within=30 + limit.window_ms / 1000)
    starts = await engine.starts()
    assert len(starts) == orders
    assert max_in_window(starts, guaranteed_seconds) == limit.starts
    ran = await engine.postgres.fetch(
        """SELECT s.at AS began, e.at AS ended FROM order_events s JOIN order_events e USING (order_id)
            WHERE s.status = 'routing' AND e.status = 'confirmed'"""
    )
    assert max_at_once([(row["began"], row["ended"]) for row in ran]) == 10
    # Waiting used up no attempt, and every order kept its place.
    assert await engine.postgres.fetchval("SELECT max(attempt) FROM orders") == 1
    late = await engine.postgres.fetch(
        """SELECT o.created_at FROM order_events e JOIN orders o ON o.id = e.order_id
            WHERE e.status = 'routing' ORDER BY e.at, o.created_at OFFSET $1""",
        limit.starts,
    )
    waited = [row["created_at"] for row in late]
    assert waited == sorted(waited)
    assert waited[0] >= await engine.postgres.fetchval(
        "SELECT created_at FROM orders ORDER BY created_at OFFSET $1 LIMIT 1", limit.starts - 1
    )


async def test_orders_that_wait_for_a_start_hold_no_slot_and_stay_pending(engine: Engine) -> None:
    started = await engine.start_worker(queue_max_per_min=3)
    orders = [await engine.place() for _ in range(5)]

    async def three_confirmed() -> bool:
        return bool(await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'") == 3)

    await eventually(three_confirmed)
    assert [(await engine.order(one["orderId"]))["status"] for one in orders] == ["confirmed"] * 3 + ["pending"] * 2
    assert (await engine.order(orders[4]["orderId"]))["attempt"] == 0
    assert started.job_counter == 0


async def test_two_workers_share_one_limit(engine: Engine) -> None:
    for _ in range(2):
        await engine.start_worker(queue_max_per_min=7)
    await asyncio.gather(*(engine.place() for _ in range(20)))

    async def seven_confirmed() -> bool:
        return bool(await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'") == 7)

    await eventually(seven_confirmed)
    queue = OrderQueue(engine.redis, StartLimit(7))
    assert (await queue.take(1, token="another", lock_seconds=1)).next_start_in > 50
    assert len(await engine.starts()) == 7


async def test_a_worker_has_the_defaults_that_are_documented(engine: Engine) -> None:
    async with worker(engine.settings, signals=False) as started:
        assert started.max_jobs == 10
    assert engine.settings.queue_max_per_min == 100
    assert engine.settings.max_attempts == 3


async def test_the_answer_says_when_the_limit_lets_an_order_start(engine: Engine) -> None:
    await engine.redis.flushdb()  # only an unprimed queue can be primed
    queue = OrderQueue(engine.redis, StartLimit(100))
    await queue.prime(await queue.loss(), [10.0] * 99)
    assert (await engine.place())["startsInMs"] == 0
    second = await engine.place()
    assert 50_000 < second["startsInMs"] <= 51_100


async def test_a_grant_that_started_nothing_is_given_back(engine: Engine) -> None:
    order = await engine.place()
    answer = await engine.http.post(f"/api/orders/{order['orderId']}/cancel")
    assert answer.status_code == 200
    await engine.start_worker()

    async def given_back() -> bool:
        queued = await engine.queued(order["orderId"])
        return queued is None and await engine.redis.zcard("engine:window") == 0

    await eventually(given_back)


async def test_after_redis_was_flushed_the_window_is_restored_from_postgres(engine: Engine) -> None:
    await engine.start_worker(queue_max_per_min=4)
    first = [await engine.place() for _ in range(4)]
    for one in first:
        await engine.read_stream(one["orderId"])
    await engine.redis.flushall()
    late = await engine.place()

    async def restored() -> bool:
        return bool(await engine.redis.zcard("engine:window") == 4)

    await eventually(restored)
    assert (await engine.order(late["orderId"]))["status"] == "pending"
    assert len(await engine.starts()) == 4


async def test_a_paused_queue_starts_nothing_and_a_resumed_one_continues(engine: Engine) -> None:
    order = await engine.place()
    await engine.http.post("/api/queue/pause")
    await engine.start_worker()
    queue = (await engine.http.get("/api/queue")).json()
    assert (queue["paused"], queue["waiting"]) == (True, 1)
    assert (await engine.order(order["orderId"]))["status"] == "pending"
    await engine.http.post("/api/queue/resume")
    assert (await engine.read_stream(order["orderId"])).statuses[-1] == "confirmed"
