"""Loss of a machine: the primary of Postgres or of Redis is gone, or cut off, and another one takes its place."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import httpx
from redis.asyncio import Redis

from app.orders.queue.order_queue import STARTS, WINDOW
from app.server.listener import listen
from tests.chaos.clients import Clients
from tests.chaos.environment import Environment
from tests.chaos.oracle import Verdict, judge
from tests.chaos.server_faults import PACE
from tests.engine import SELL_SOL, eventually
from tests.frozen import frozen
from tests.postgres_pair import Pair, new_pair
from tests.redis_sentinel import new_sentinel

# Fewer starts than orders: the last ones have to wait for the next minute. After a promotion nothing starts for 151
# blocks, while the engine reconciles with the chain.
LIMIT = {"QUEUE_MAX_PER_MIN": "100", "MOCK_BLOCK_MS": "20"}
NEXT = """
SELECT min(at) FILTER (WHERE seq = 1) AS accepted, min(at) FILTER (WHERE status = 'routing') AS started
  FROM order_events WHERE at > $1
"""


async def primary_killed(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """Postgres is killed under load, and half a second later its synchronous standby is promoted."""

    async def fault(pair: Pair) -> None:
        pair.kill(pair.primary)
        await asyncio.sleep(0.5)
        await pair.promote()

    return await _fail_over(env, rng, fault, orders=orders)


async def primary_cut_off(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """Postgres is frozen under load, its standby promoted, and then it goes on, as a primary with no standby. An API
    that reaches only that one must accept nothing.
    """
    told = list[int]()

    async def fault(pair: Pair) -> None:
        with frozen(pair.primary.process.pid):
            await asyncio.sleep(0.5)
            await pair.promote()
            await asyncio.sleep(3)
        told.extend(await _orders_at(pair.primary.url, env, rng))

    figure, clean = await _fail_over(env, rng, fault, orders=orders)
    accepted = [code for code in told if code < 300]
    return f"{figure}; {len(told)} repeats at the old one, {len(accepted)} accepted", clean and not accepted and bool(
        told
    )


async def _orders_at(url: str, env: Environment, rng: random.Random) -> list[int]:
    """The answers of an API on this primary alone to an order that is repeated with its key; 599: none came."""
    with listen("127.0.0.1", 0) as listener:
        cut_off = replace(env, listener=listener, postgres_url=url)
        api = cut_off.start("api")
        headers, answers = {"Idempotency-Key": f"cut off {rng.random()}"}, list[int]()
        async with httpx.AsyncClient(base_url=cut_off.base_url, timeout=3) as client:

            async def lives() -> bool:
                with contextlib.suppress(httpx.HTTPError):
                    return (await client.get("/health/live")).status_code == 200
                return False

            await eventually(lives, within=20)
            until = time.monotonic() + 15  # the engine gives a write up after 10 s
            while time.monotonic() < until:
                try:
                    answer = await client.post("/api/orders/execute", json=SELL_SOL, headers=headers)
                    answers.append(answer.status_code)
                except httpx.HTTPError:
                    answers.append(599)
                await asyncio.sleep(0.2)
        await api.kill()
    return answers


async def _fail_over(
    env: Environment, rng: random.Random, fault: Callable[[Pair], Awaitable[None]], *, orders: int
) -> tuple[str, bool]:
    await env.clear()
    async with new_pair() as pair:
        env.postgres_url = pair.url
        env.start("api", LIMIT)
        for _ in range(2):
            env.start("worker", LIMIT | PACE)
        clients = Clients(env.base_url, rng)
        await clients.place(2)
        loading = asyncio.create_task(clients.place(orders - 2, at_once=8, pause=0.3))
        await asyncio.sleep(1)
        began = datetime.now(UTC)
        await fault(pair)
        await loading
        await clients.finish(within=100)
        async with asyncpg.create_pool(pair.standby.url, min_size=0, max_size=4) as db:
            verdict = await judge(db, accepted=clients.accepted, seen=clients.seen)
            (next_of,) = await db.fetch(NEXT, began)
            after = [f"{(at - began).total_seconds():.1f} s" for at in next_of]
        await env.end_processes()
    clean = verdict.clean and verdict.max_starts <= int(LIMIT["QUEUE_MAX_PER_MIN"])
    return f"{_counts(verdict)}; orders accepted again after {after[0]}, started after {after[1]}", clean


async def redis_primary_killed(env: Environment, rng: random.Random, *, limit: int) -> tuple[str, bool]:
    """Redis is killed while more orders wait than may start, and its replica has not got the last grants."""
    await env.clear()
    settings = {"QUEUE_MAX_PER_MIN": str(limit)}
    async with new_sentinel() as watched:
        env.redis_url = watched.url
        env.start("api", settings)
        for _ in range(2):
            env.start("worker", settings | PACE)
        clients = Clients(env.base_url, rng)
        await clients.place(5)
        replica = Redis.from_url(watched.replica.url)
        await eventually(lambda: replica.zcount(STARTS, "+inf", "+inf"))
        await asyncio.to_thread(watched.stop_replication)
        await clients.place(limit // 2)
        await eventually(lambda: _started(env, limit // 3), within=20)
        began = time.monotonic()
        watched.kill_primary()
        await clients.place(limit)
        await eventually(lambda: _started(env, limit), within=30)
        took = time.monotonic() - began
        await eventually(lambda: _at_least(replica, limit), within=10)
        await asyncio.sleep(2)  # for a start too many
        verdict = await judge(env.db, accepted={})
        await clients.finish(0)
        await env.end_processes()
        await replica.aclose()
    doubled = f"{verdict.twice} twice, {verdict.gaps} gaps"
    figure = (
        f"{doubled}, at most {verdict.max_starts} starts in any 60 s, limit {limit}; all of them after {took:.1f} s"
    )
    return figure, verdict.clean and verdict.max_starts == limit


async def _started(env: Environment, count: int) -> bool:
    return int(await env.db.fetchval("SELECT count(*) FROM order_events WHERE status = 'routing'")) >= count


async def _at_least(redis: Redis, count: int) -> bool:
    return int(await redis.zcard(WINDOW)) >= count


def _counts(verdict: Verdict) -> str:
    if not verdict.clean:
        return str(verdict)
    counts = f"{verdict.orders} orders: {verdict.lost} lost, {verdict.twice} twice, {verdict.gaps} gaps"
    return f"{counts}, at most {verdict.max_starts} starts in any 60 s"
