"""Faults of the network between machines, under load."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from itertools import combinations

from app.orders.events.channel import subscribe
from app.postgres.pools import open_pool
from app.redis_client import fail_fast_redis
from tests.chaos.clients import Clients
from tests.chaos.environment import Environment
from tests.chaos.machines.network import Link, NoNetwork
from tests.chaos.machines.stack import MACHINES, WORKERS, Stack, new_stack
from tests.chaos.oracle import judge
from tests.chaos.server_faults import PACE

LIMIT = 100
LOAD_SECONDS = 18.0

Fault = Callable[[Stack], Awaitable[None]]
ALL_WORKERS = tuple((worker, "postgres") for worker in WORKERS)
ALL_WORKERS_AND_REDIS = tuple((worker, "redis") for worker in WORKERS)

AFTER = """
SELECT min(at) FILTER (WHERE seq = 1) AS accepted,
       min(at) FILTER (WHERE status = 'pending' AND seq = 2) AS fired,
       min(at) FILTER (WHERE status = 'routing') AS started,
       min(at) FILTER (WHERE status = 'confirmed') AS confirmed
  FROM order_events WHERE at > $1
"""
LONGEST = """
SELECT extract(epoch FROM max(took))::float8
  FROM (SELECT max(at) - min(at) AS took FROM order_events GROUP BY order_id) AS one
"""


async def cut_off(
    env: Environment, rng: random.Random, *, pairs: Collection[tuple[str, str]], orders: int, seconds: float = 10
) -> tuple[str, bool]:
    """No packet passes between these pairs for some seconds."""

    async def fault(stack: Stack) -> None:
        for pair in pairs:
            stack.network.link(*pair).cut = True
        await asyncio.sleep(seconds)
        for pair in pairs:
            stack.network.link(*pair).cut = False

    return await _under_load(env, rng, fault, orders=orders)


async def impaired(
    env: Environment, rng: random.Random, *, impair: Callable[[Link], None], orders: int
) -> tuple[str, bool]:
    """All links between the machines of the engine."""

    async def fault(stack: Stack) -> None:
        for pair in combinations(MACHINES, 2):
            impair(stack.network.link(*pair))

    return await _under_load(env, rng, fault, orders=orders)


async def silent(env: Environment, rng: random.Random, *, within: float = 20) -> tuple[str, bool]:
    """A machine is gone without a word. A subscription to Redis and an idle connection to Postgres notice it."""
    try:
        async with new_stack(env, rng) as stack:
            redis, pool = (
                fail_fast_redis(stack.env.redis_url or ""),
                await open_pool(stack.env.postgres_url or "", 1, {}),
            )
            connection = await pool.acquire()
            subscribed, ended = asyncio.Event(), asyncio.Event()
            connection.add_termination_listener(lambda _: ended.set())
            listening = asyncio.create_task(
                subscribe(redis, "events", subscribed=subscribed.set, received=lambda _: None)
            )
            await subscribed.wait()
            began = time.monotonic()
            for server in ("postgres", "redis"):
                stack.network.link("client", server).cut = True
            waiting = [listening, asyncio.create_task(ended.wait())]
            _, deaf = await asyncio.wait(waiting, timeout=within)
            took = time.monotonic() - began
            for task in deaf:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            pool.terminate()
    except NoNetwork as error:
        return str(error), False
    return f"{len(waiting) - len(deaf)} of 2 connections noticed within {took:.1f} s", not deaf


def slow(link: Link) -> None:
    link.delay = 0.1  # 200 ms there and back


def lossy(link: Link) -> None:
    link.loss = 0.02


async def _under_load(env: Environment, rng: random.Random, fault: Fault, *, orders: int) -> tuple[str, bool]:
    try:
        async with new_stack(env, rng) as stack:
            for machine in ("api", *WORKERS, "watcher"):
                stack.start(machine, PACE | {"QUEUE_MAX_PER_MIN": str(LIMIT)})
            clients = Clients(stack.env.base_url, rng)
            await clients.place(2)
            loading = asyncio.create_task(clients.place_mixed(orders, pause=LOAD_SECONDS * 8 * 2 / orders))
            await asyncio.sleep(3)
            await fault(stack)
            whole = datetime.now(UTC)
            await loading
            await clients.finish(within=90)
            verdict = await judge(stack.env.db, accepted=clients.accepted, seen=clients.seen)
            (after,) = await stack.env.db.fetch(AFTER, whole)
            longest = await stack.env.db.fetchval(LONGEST)
    except NoNetwork as error:
        return str(error), False
    recovered = ", ".join(f"{name} after {(at - whole).total_seconds():.1f} s" for name, at in after.items() if at)
    counts = (
        f"{verdict.orders} orders: {verdict.lost} lost, {verdict.twice} twice, {verdict.gaps} gaps, at most "
        f"{verdict.max_starts} starts in any 60 s, {clients.errors} repeats; the slowest took {longest:.1f} s"
    )
    figure = counts if verdict.clean else str(verdict)
    return f"{figure}; next order {recovered}", verdict.clean and verdict.max_starts <= LIMIT and all(after.values())
