"""Faults of Postgres, of Redis, and of the connections to them."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable

from app.orders.queue.lanes import Lane
from app.orders.queue.order_queue import LANES, STARTS
from tests.chaos.clients import Clients
from tests.chaos.environment import Environment
from tests.chaos.process_faults import verdict_of
from tests.chaos.proxy import LinkState, Proxy
from tests.engine import eventually

PACE = {"MOCK_QUOTE_MS": "20", "MOCK_EXECUTION_MS_MIN": "50", "MOCK_EXECUTION_MS_MAX": "150"}
LOAD_SECONDS = 4.0

ServerFault = Callable[[Environment], Awaitable[None]]


async def redis_killed(env: Environment) -> None:
    await env.kill_redis()
    await asyncio.sleep(0.5)
    await env.start_redis()


async def redis_flushed(env: Environment) -> None:
    await env.redis.flushall()


async def queue_key_deleted(env: Environment) -> None:
    await env.redis.delete(STARTS, f"{LANES}{Lane.MARKET:d}")


async def redis_down(env: Environment) -> None:
    env.to_redis.set(LinkState.DOWN)
    await asyncio.sleep(10)
    env.to_redis.set(LinkState.UP)


async def redis_stalled(env: Environment) -> None:
    env.to_redis.set(LinkState.STALLED)
    await asyncio.sleep(3)
    env.to_redis.set(LinkState.UP)


async def postgres_killed(env: Environment) -> None:
    await env.restart_postgres()


async def postgres_down(env: Environment) -> None:
    env.to_postgres.set(LinkState.DOWN)
    await asyncio.sleep(3)
    env.to_postgres.set(LinkState.UP)


async def postgres_slow(env: Environment) -> None:
    env.to_postgres.throttle(0.05)
    await asyncio.sleep(2)
    env.to_postgres.throttle(0)


async def answers_cut_short(env: Environment) -> None:
    for _ in range(5):
        env.to_postgres.cut_after(random.randrange(50, 3000))
        await asyncio.sleep(0.3)


async def commits_unanswered(env: Environment) -> None:
    """For each kind of write: the server commits it, but its answer is lost."""
    moves = b'"after":"building"', b'"building":{', b'"after":"submitted"', b'"after":"confirmed"'
    for mark in (*moves, b'"idempotency_key"') * 2:
        env.to_postgres.cut_before_answer_to(lambda chunk, mark=mark: mark in chunk)  # type: ignore[misc]
        await asyncio.sleep(0.3)


async def chain_cut(env: Environment) -> None:
    for _ in range(10):
        env.to_chain.reset()
        await asyncio.sleep(0.2)


async def chain_stalled(env: Environment) -> None:
    env.to_chain.set(LinkState.STALLED)
    await asyncio.sleep(3)
    env.to_chain.set(LinkState.UP)


async def sends_unanswered(env: Environment) -> None:
    for _ in range(6):
        env.to_chain.cut_before_answer_to(lambda chunk: b"landed" in chunk)
        await asyncio.sleep(0.3)


async def under_load(
    fault: ServerFault, env: Environment, rng: random.Random, *, orders: int, seconds: float = LOAD_SECONDS
) -> tuple[str, bool]:
    """The fault happens while orders are being placed."""
    await env.clear()
    env.start("api")
    env.start("worker", PACE)
    env.start("worker", PACE | {"MOCK_QUOTE_MS": "0"})  # one commit less for each order
    clients = Clients(env.base_url, rng)
    await clients.place(2)
    loading = asyncio.create_task(clients.place(orders, at_once=8, pause=seconds * 8 * 2 / orders))
    await asyncio.sleep(seconds / 4)
    await fault(env)
    await loading
    verdict = await verdict_of(env, clients, within=60)
    text = f"{verdict.orders} orders: {verdict.lost} lost, {verdict.twice} twice, {verdict.gaps} gaps"
    return (text if verdict.clean else str(verdict)), verdict.clean


async def flushed_during_back_off(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """Redis loses orders that wait for their next attempt. They must still wait for their full time."""
    await env.clear()
    env.start("api")
    env.start("worker", {"MOCK_FAILURE_RATE": "0.5", "RETRY_BASE_SECONDS": "1.5"})
    clients = Clients(env.base_url, rng)
    await clients.place(orders)

    async with asyncio.timeout(20):
        while not await env.db.fetchval("SELECT count(*) FROM orders WHERE status = 'pending' AND attempt > 0"):
            await asyncio.sleep(0.05)
    await env.redis.flushall()
    verdict = await verdict_of(env, clients, within=60)
    early = await env.db.fetchval(
        """SELECT count(*) FROM order_events w JOIN order_events r USING (order_id)
            WHERE r.seq = w.seq + 1 AND r.status = 'routing'
              AND r.at < w.at + (w.details->>'retryInMs')::int * interval '1 millisecond'"""
    )
    return f"{orders} orders: {verdict.lost} lost, {early} retried too early", verdict.clean and early == 0


async def redis_faults_with_start_limit(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """One Redis fault after another, while more orders wait than may start in a minute."""
    await env.clear()
    env.start("api", {"QUEUE_MAX_PER_MIN": "100"})
    for _ in range(2):
        env.start("worker", {"QUEUE_MAX_PER_MIN": "100", **PACE})
    clients = Clients(env.base_url, rng)
    loading = asyncio.create_task(clients.place(orders, at_once=8, pause=0.5))
    for fault in (redis_flushed, queue_key_deleted, redis_killed, redis_flushed, redis_down, queue_key_deleted):
        await asyncio.sleep(1)
        await fault(env)
    await loading
    verdict = await verdict_of(env, clients, within=130)
    return (
        f"{orders} orders, 6 faults: {verdict.lost} lost, at most {verdict.max_starts} starts in any 60 s",
        verdict.clean and verdict.max_starts <= 100,
    )


async def stopped_while_redis_is_down(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """A worker with orders gets SIGTERM while Redis is down."""
    await env.clear()
    env.start("api")
    worker = env.start("worker", {"MOCK_EXECUTION_MS_MIN": "20000", "MOCK_EXECUTION_MS_MAX": "20000"})
    clients = Clients(env.base_url, rng)
    await clients.place(orders)

    async def all_submitted() -> bool:
        return bool(await env.db.fetchval("SELECT bool_and(status = 'submitted') FROM orders"))

    await eventually(all_submitted)
    env.to_redis.set(LinkState.DOWN)
    began = time.monotonic()
    worker.send(signal.SIGTERM)
    code = await worker.exited()
    took = time.monotonic() - began
    env.to_redis.set(LinkState.UP)
    env.start("worker")
    verdict = await verdict_of(env, clients, within=40)
    figure = f"{orders} under way: stopped after {took:.1f} s, exit code {code}; {verdict.lost} lost"
    return figure, verdict.clean and code == 0


async def answer_lost_before_the_client(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """The order is committed, but the connection is cut before the answer; the client retries with its key."""
    await env.clear()
    env.start("api")
    env.start("worker")
    between = Proxy(env.listener.getsockname()[1])
    await between.start()
    try:
        clients = Clients(f"http://127.0.0.1:{between.port}", rng)
        await clients.place(1)
        for _ in range(orders):
            between.cut_before_answer_to(lambda chunk: chunk.startswith(b"POST"))
            await clients.place(1)
        verdict = await verdict_of(env, clients)
        made = await env.db.fetchval("SELECT count(*) FROM orders")
    finally:
        await between.stop()
    return (
        f"{orders} answers lost, {clients.errors} retries: {made - orders - 1} duplicates, {verdict.lost} lost",
        verdict.clean and made == orders + 1 and clients.errors >= orders,
    )
