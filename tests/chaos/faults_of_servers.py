"""What can happen to Postgres, to Redis, and on the way to them."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable

from app.orders.queue.order_queue import STARTS
from tests.chaos.crowd import Crowd
from tests.chaos.faults_of_processes import verdict_of
from tests.chaos.proxy import Proxy, Weather
from tests.chaos.stage import Scene
from tests.engine import eventually

PACE = {"MOCK_QUOTE_MS": "20", "MOCK_EXECUTION_MS_MIN": "50", "MOCK_EXECUTION_MS_MAX": "150"}
LOAD_SECONDS = 4.0

Blow = Callable[[Scene], Awaitable[None]]


async def redis_killed(scene: Scene) -> None:
    await scene.kill_redis()
    await asyncio.sleep(0.5)
    await scene.start_redis()


async def redis_flushed(scene: Scene) -> None:
    await scene.redis.flushall()


async def queue_key_deleted(scene: Scene) -> None:
    await scene.redis.delete(STARTS)


async def redis_unavailable(scene: Scene) -> None:
    scene.to_redis.set(Weather.GONE)
    await asyncio.sleep(10)
    scene.to_redis.set(Weather.CLEAR)


async def redis_stalled(scene: Scene) -> None:
    scene.to_redis.set(Weather.STALLED)
    await asyncio.sleep(3)
    scene.to_redis.set(Weather.CLEAR)


async def postgres_killed(scene: Scene) -> None:
    await scene.restart_postgres()


async def postgres_away(scene: Scene) -> None:
    scene.to_postgres.set(Weather.GONE)
    await asyncio.sleep(3)
    scene.to_postgres.set(Weather.CLEAR)


async def postgres_slow(scene: Scene) -> None:
    scene.to_postgres.throttle(0.05)
    await asyncio.sleep(2)
    scene.to_postgres.throttle(0)


async def answers_cut_short(scene: Scene) -> None:
    for _ in range(5):
        scene.to_postgres.cut_after(random.randrange(50, 3000))
        await asyncio.sleep(0.3)


async def commits_unanswered(scene: Scene) -> None:
    """Of each kind of write: it reaches the server and is committed there, and the answer never comes back."""
    for mark in (b'"after":"building"', b'"after":"submitted"', b'"after":"confirmed"', b'"idempotency_key"') * 2:
        scene.to_postgres.cut_before_answer_to(lambda chunk, mark=mark: mark in chunk)  # type: ignore[misc]
        await asyncio.sleep(0.3)


async def chain_cut(scene: Scene) -> None:
    for _ in range(10):
        scene.to_chain.reset()
        await asyncio.sleep(0.2)


async def chain_stalled(scene: Scene) -> None:
    scene.to_chain.set(Weather.STALLED)
    await asyncio.sleep(3)
    scene.to_chain.set(Weather.CLEAR)


async def sends_unanswered(scene: Scene) -> None:
    for _ in range(6):
        scene.to_chain.cut_before_answer_to(lambda chunk: b"landed" in chunk)
        await asyncio.sleep(0.3)


async def under(blow: Blow, scene: Scene, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """The blow falls in the middle of a load; the figure is what became of it."""
    await scene.clear()
    scene.start("api")
    for _ in range(2):
        scene.start("worker", PACE)
    crowd = Crowd(scene.base_url, rng)
    await crowd.place(2)
    loading = asyncio.create_task(crowd.place(orders, at_once=8, pause=LOAD_SECONDS * 8 * 2 / orders))
    await asyncio.sleep(LOAD_SECONDS / 4)
    await blow(scene)
    await loading
    verdict = await verdict_of(scene, crowd, within=60)
    text = f"{verdict.orders} orders: {verdict.lost} lost, {verdict.twice} twice, {verdict.gaps} gaps"
    return (text if verdict.clean else str(verdict)), verdict.clean


async def flushed_during_back_off(scene: Scene, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """Orders wait for their next attempt when Redis forgets them: they wait as long as they were to."""
    await scene.clear()
    scene.start("api")
    scene.start("worker", {"MOCK_FAILURE_RATE": "0.5", "RETRY_BASE_SECONDS": "1.5"})
    crowd = Crowd(scene.base_url, rng)
    await crowd.place(orders)

    async with asyncio.timeout(20):
        while not await scene.db.fetchval("SELECT count(*) FROM orders WHERE status = 'pending' AND attempt > 0"):
            await asyncio.sleep(0.05)
    await scene.redis.flushall()
    verdict = await verdict_of(scene, crowd, within=60)
    early = await scene.db.fetchval(
        """SELECT count(*) FROM order_events w JOIN order_events r USING (order_id)
            WHERE r.seq = w.seq + 1 AND r.status = 'routing'
              AND r.at < w.at + (w.details->>'retryInMs')::int * interval '1 millisecond'"""
    )
    return f"{orders} orders: {verdict.lost} lost, {early} retried too early", verdict.clean and early == 0


async def redis_faults_with_the_limit_on(scene: Scene, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """One Redis fault after the other while more orders wait than may start in a minute."""
    await scene.clear()
    scene.start("api", {"QUEUE_MAX_PER_MIN": "100"})
    for _ in range(2):
        scene.start("worker", {"QUEUE_MAX_PER_MIN": "100", **PACE})
    crowd = Crowd(scene.base_url, rng)
    loading = asyncio.create_task(crowd.place(orders, at_once=8, pause=0.5))
    for blow in (redis_flushed, queue_key_deleted, redis_killed, redis_flushed, redis_unavailable, queue_key_deleted):
        await asyncio.sleep(1)
        await blow(scene)
    await loading
    verdict = await verdict_of(scene, crowd, within=130)
    return (
        f"{orders} orders, 6 faults: {verdict.lost} lost, at most {verdict.most_starts} starts in any 60 s",
        verdict.clean and verdict.most_starts <= 100,
    )


async def stopped_while_redis_is_away(scene: Scene, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """SIGTERM with orders in hand, while nothing can be said to Redis."""
    await scene.clear()
    scene.start("api")
    worker = scene.start("worker", {"MOCK_EXECUTION_MS_MIN": "20000", "MOCK_EXECUTION_MS_MAX": "20000"})
    crowd = Crowd(scene.base_url, rng)
    await crowd.place(orders)

    async def all_submitted() -> bool:
        return bool(await scene.db.fetchval("SELECT bool_and(status = 'submitted') FROM orders"))

    await eventually(all_submitted)
    scene.to_redis.set(Weather.GONE)
    began = time.monotonic()
    worker.send(signal.SIGTERM)
    code = await worker.gone()
    took = time.monotonic() - began
    scene.to_redis.set(Weather.CLEAR)
    scene.start("worker")
    verdict = await verdict_of(scene, crowd, within=40)
    figure = f"{orders} in hand: gone after {took:.1f} s, exit code {code}; {verdict.lost} lost"
    return figure, verdict.clean and code == 0


async def answer_lost_on_the_way_to_the_client(scene: Scene, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """The order is committed, the connection is cut before the answer; the client repeats with its key."""
    await scene.clear()
    scene.start("api")
    scene.start("worker")
    between = Proxy(scene.listener.getsockname()[1])
    await between.start()
    try:
        crowd = Crowd(f"http://127.0.0.1:{between.port}", rng)
        await crowd.place(1)
        for _ in range(orders):
            between.cut_before_answer_to(lambda chunk: chunk.startswith(b"POST"))
            await crowd.place(1)
        verdict = await verdict_of(scene, crowd)
        made = await scene.db.fetchval("SELECT count(*) FROM orders")
    finally:
        await between.stop()
    return (
        f"{orders} answers lost, {crowd.errors} retries: {made - orders - 1} duplicates, {verdict.lost} lost",
        verdict.clean and made == orders + 1 and crowd.errors >= orders,
    )
