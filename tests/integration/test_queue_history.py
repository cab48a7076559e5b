"""The last hour of the queue and of the pace, for the console: it does not depend on who looked at it when."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.api.routes.queue import QueueSamples
from app.orders.queue.history import SAMPLE, QueueHistory
from app.orders.queue.order_queue import OrderQueue
from app.orders.queue.start_limit import StartLimit
from app.redis_client import fail_fast_redis
from tests.engine import Engine, eventually
from tests.integration.test_api_market import checked

pytestmark = pytest.mark.usefixtures("primed_queue")


@pytest.fixture
def queue(engine: Engine) -> OrderQueue:
    return OrderQueue(engine.redis, StartLimit(0))


async def take(engine: Engine, queue: OrderQueue) -> list[asyncpg.Record]:
    """A sample that nobody has taken yet."""
    await engine.postgres.execute("TRUNCATE queue_samples")
    history = QueueHistory(engine.postgres)
    assert 0 < await history.sample(queue) <= 10
    return await history.read(datetime.now(UTC) - timedelta(hours=1))


async def test_a_sample_has_the_queue_and_the_pace_of_the_minute_before(engine: Engine, queue: OrderQueue) -> None:
    stopping = await engine.start_worker()
    for order in [(await engine.place())["orderId"] for _ in range(3)]:
        assert (await engine.read_stream(order)).statuses[-1] == "confirmed"
    await engine.stop_worker(stopping)
    await engine.place()
    for table, column in (("order_events", "at"), ("orders", "created_at")):
        await engine.postgres.execute(f"UPDATE {table} SET {column} = {column} - interval '15 seconds'")
    [sample] = await take(engine, queue)
    assert (sample["waiting"], sample["running"], sample["workers"], sample["confirmed"]) == (1, 0, 0, 3)
    assert 0 < sample["p50_ms"] <= sample["p99_ms"]
    told = checked(await engine.http.get("/api/queue/history"), QueueSamples)
    assert [one["perMinute"] for one in told["samples"]] == [3]
    later = {"from": (datetime.now(UTC) + timedelta(seconds=1)).isoformat()}
    assert (await engine.http.get("/api/queue/history", params=later)).json()["samples"] == []


async def test_workers_take_samples(engine: Engine) -> None:
    await engine.start_worker()
    await engine.start_worker()

    async def samples() -> bool:
        return bool((await engine.http.get("/api/queue/history")).json()["samples"])

    await eventually(samples)


async def test_the_pace_goes_on_while_redis_is_down(engine: Engine) -> None:
    down = fail_fast_redis("redis://127.0.0.1:1")
    [sample] = await take(engine, OrderQueue(down, StartLimit(0)))
    assert (sample["waiting"], sample["running"], sample["workers"], sample["confirmed"]) == (None, None, None, 0)
    assert sample["p50_ms"] is None
    await down.aclose()


async def test_of_many_processes_one_counts_the_orders(engine: Engine, queue: OrderQueue) -> None:
    history = QueueHistory(engine.postgres)
    await asyncio.gather(*(history.sample(queue) for _ in range(10)))
    times = [row["at"] for row in await engine.postgres.fetch("SELECT at FROM queue_samples")]
    assert len(times) == len(set(times)) <= 2  # two if a new time began meanwhile
    explained = await eventually(lambda: second_sample(engine, history, queue))
    assert "order_events" in explained
    assert explained.count("(never executed)") >= 2


async def second_sample(engine: Engine, history: QueueHistory, queue: OrderQueue) -> str:
    """How Postgres runs it; '': a new time began meanwhile."""
    await history.sample(queue)
    before = await engine.postgres.fetchval("SELECT max(at) FROM queue_samples")
    statement = SAMPLE.replace("$1", "1").replace("$2", "1").replace("$3", "1")
    lines = await engine.postgres.fetch(f"EXPLAIN ANALYZE {statement}")
    after = await engine.postgres.fetchval("SELECT max(at) FROM queue_samples")
    return "\n".join(line[0] for line in lines) if before == after else ""


async def test_an_hour_is_kept(engine: Engine, queue: OrderQueue) -> None:
    await take(engine, queue)
    now, history = datetime.now(UTC), QueueHistory(engine.postgres)
    for age in (timedelta(minutes=61), timedelta(minutes=59), timedelta(minutes=-5)):
        await engine.postgres.execute("INSERT INTO queue_samples (at, confirmed) VALUES ($1, 7)", now - age)
    await engine.postgres.execute("DELETE FROM queue_samples WHERE confirmed = 0")
    await history.sample(queue)
    kept = await engine.postgres.fetch("SELECT confirmed FROM queue_samples ORDER BY at")
    assert [row["confirmed"] for row in kept] == [7, 0]
