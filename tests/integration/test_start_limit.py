"""Who may start, and when: ten at once per worker, a hundred starts in any minute across all of them."""

import asyncio
from datetime import datetime

from app.orders.queue.order_queue import OrderQueue
from tests.engine import Engine, eventually, max_in_window
from worker.main import worker


def most_at_once(intervals: list[tuple[datetime, datetime]]) -> int:
    """The largest number of intervals that overlap."""
    edges = sorted([(start, 1) for start, _ in intervals] + [(end, -1) for _, end in intervals])
    running = most = 0
    for _, change in edges:
        running += change
        most = max(most, running)
    return most


async def test_of_130_orders_at_most_100_start_in_any_minute_at_most_10_run_at_once_and_all_end(
    engine: Engine,
) -> None:
    await engine.start_worker(mock_quote_ms=10, mock_execution_ms_min=20, mock_execution_ms_max=40)
    await asyncio.gather(*(engine.place() for _ in range(130)))

    async def all_ended() -> bool:
        return bool(await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'") == 130)

    await eventually(all_ended, within=75)
    starts = await engine.starts()
    assert len(starts) == 130
    assert max_in_window(starts, 60) == 100
    ran = await engine.postgres.fetch(
        """SELECT s.at AS began, e.at AS ended FROM order_events s JOIN order_events e USING (order_id)
            WHERE s.status = 'routing' AND e.status = 'confirmed'"""
    )
    assert most_at_once([(row["began"], row["ended"]) for row in ran]) == 10
    # Waiting burnt no attempt, and everybody kept their place in line.
    assert await engine.postgres.fetchval("SELECT max(attempt) FROM orders") == 1
    late = await engine.postgres.fetch(
        """SELECT o.created_at FROM order_events e JOIN orders o ON o.id = e.order_id
            WHERE e.status = 'routing' ORDER BY e.at, o.created_at OFFSET 100"""
    )
    waited = [row["created_at"] for row in late]
    assert waited == sorted(waited)
    assert waited[0] >= await engine.postgres.fetchval(
        "SELECT created_at FROM orders ORDER BY created_at OFFSET 99 LIMIT 1"
    )


async def test_orders_that_wait_for_a_start_hold_no_slot_and_stay_pending(engine: Engine) -> None:
    pickup = await engine.start_worker(queue_max_per_min=3)
    orders = [await engine.place() for _ in range(5)]

    async def three_confirmed() -> bool:
        return bool(await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'") == 3)

    await eventually(three_confirmed)
    assert [(await engine.order(one["orderId"]))["status"] for one in orders] == ["confirmed"] * 3 + ["pending"] * 2
    assert (await engine.order(orders[4]["orderId"]))["attempt"] == 0
    assert pickup.job_counter == 0


async def test_two_workers_share_one_limit(engine: Engine) -> None:
    for _ in range(2):
        await engine.start_worker(queue_max_per_min=7)
    await asyncio.gather(*(engine.place() for _ in range(20)))

    async def seven_confirmed() -> bool:
        return bool(await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'") == 7)

    await eventually(seven_confirmed)
    queue = OrderQueue(engine.redis, starts_per_minute=7)
    assert (await queue.take(1, token="another", lock_seconds=1)).room_in > 50
    assert len(await engine.starts()) == 7


async def test_a_running_worker_has_the_settings_it_was_promised(engine: Engine) -> None:
    async with worker(engine.settings, signals=False) as pickup:
        assert pickup.max_jobs == 10
    assert engine.settings.queue_max_per_min == 100
    assert engine.settings.max_attempts == 3


async def test_the_answer_says_when_the_limit_lets_an_order_start(engine: Engine) -> None:
    queue = OrderQueue(engine.redis, starts_per_minute=100)
    await queue.prime([10.0] * 99)
    assert (await engine.place())["startsInMs"] == 0
    second = await engine.place()
    assert 50_000 < second["startsInMs"] <= 51_000


async def test_a_grant_that_started_nothing_is_given_back(engine: Engine) -> None:
    order = await engine.place()
    answer = await engine.http.post(f"/api/orders/{order['orderId']}/cancel")
    assert answer.status_code == 200
    await engine.start_worker()

    async def out_of_line() -> bool:
        return (await engine.redis.zscore("engine:starts", order["orderId"])) is None

    await eventually(out_of_line)
    assert await engine.redis.zcard("engine:window") == 0


async def test_after_redis_was_flushed_the_window_is_refilled_from_the_book(engine: Engine) -> None:
    await engine.start_worker(queue_max_per_min=4)
    first = [await engine.place() for _ in range(4)]
    for one in first:
        await engine.read_stream(one["orderId"])
    await engine.redis.flushall()
    late = await engine.place()

    async def refilled() -> bool:
        return bool(await engine.redis.zcard("engine:window") == 4)

    await eventually(refilled)
    assert (await engine.order(late["orderId"]))["status"] == "pending"
    assert len(await engine.starts()) == 4


async def test_a_paused_queue_starts_nothing_and_a_resumed_one_goes_on(engine: Engine) -> None:
    await engine.start_worker()
    await engine.http.post("/api/queue/pause")
    order = await engine.place()
    queue = (await engine.http.get("/api/queue")).json()
    assert (queue["paused"], queue["waiting"]) == (True, 1)
    assert (await engine.order(order["orderId"]))["status"] == "pending"
    await engine.http.post("/api/queue/resume")
    assert (await engine.read_stream(order["orderId"])).statuses[-1] == "confirmed"
