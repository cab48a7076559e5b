"""Faults that once let more orders start in a minute than the start limit allows."""

import asyncio
import contextlib
import random
import shutil
import signal
from collections.abc import Iterable

from redis.exceptions import RedisError

from app.orders.queue.order_queue import WINDOW, OrderQueue
from app.orders.queue.start_limit import GRANT_SECONDS, StartLimit
from tests.chaos.clients import Clients
from tests.chaos.environment import Environment, Process
from tests.chaos.oracle import judge
from tests.chaos.process_faults import verdict_of
from tests.chaos.server_faults import PACE
from tests.engine import eventually
from tests.frozen import frozen

FULL_MINUTE = 100  # starts


async def postgres_frozen(env: Environment, rng: random.Random, *, orders: int, seconds: float) -> tuple[str, bool]:
    """All processes of Postgres are frozen while workers have grants in hand, and claims are in its sockets."""
    before = min(60, orders // 2)  # starts of before the freeze, which leave the window first
    clients, workers = await _waiting(env, rng, before=before, orders=orders, limit=FULL_MINUTE)
    settled = await _settled(env)
    with frozen(env.postgres.process.pid):
        _thaw(workers)
        await eventually(lambda: _granted(env, settled + 1))
        await asyncio.sleep(seconds)
    verdict = await verdict_of(env, clients, within=seconds + 60 * (orders // FULL_MINUTE) + 40)
    oldest = await _oldest_grant(env)
    text = f"{orders} orders: {verdict.lost} lost, at most {verdict.max_starts} starts in any 60 s"
    return (
        f"{text if verdict.clean else verdict}, each at most {oldest * 1000:.0f} ms after its grant",
        verdict.clean and verdict.max_starts <= FULL_MINUTE and oldest <= GRANT_SECONDS + 0.001,
    )


async def redis_rolled_back(env: Environment, rng: random.Random, *, limit: int) -> tuple[str, bool]:
    """Redis restarts from its file as it was before the last starts were granted."""
    clients, workers = await _waiting(env, rng, before=1, orders=limit + 20, limit=limit)
    data, copy = env.redis_data, env.home / "valkey-before"
    await (await asyncio.create_subprocess_exec("cp", "-a", data, copy)).wait()  # keeps the owner
    _thaw(workers)
    await eventually(lambda: _started(env, limit), within=30)
    await env.kill_redis()
    shutil.rmtree(data)
    copy.rename(data)
    await env.start_redis()
    restarted = OrderQueue(env.redis, StartLimit(limit))

    async def window_is_full() -> bool:
        with contextlib.suppress(RedisError):
            return not await restarted.loss() and bool(await env.redis.zcard(WINDOW) >= limit)
        return False

    await eventually(window_is_full, within=20)
    await asyncio.sleep(0.5)
    verdict = await judge(env.db, accepted={})
    await clients.finish(0)
    return f"at most {verdict.max_starts} starts in any 60 s, limit {limit}", verdict.max_starts == limit


async def _waiting(
    env: Environment, rng: random.Random, *, before: int, orders: int, limit: int
) -> tuple[Clients, list[Process]]:
    """Two workers that have executed some orders and are frozen, and the other orders, which wait in the queue."""
    await env.clear()
    settings = {"QUEUE_MAX_PER_MIN": str(limit)}
    env.start("api", settings)
    workers = [env.start("worker", settings | PACE) for _ in range(2)]
    clients = Clients(env.base_url, rng)
    await clients.place(before)

    async def all_ended() -> bool:
        return bool(await env.db.fetchval("SELECT bool_and(status = 'confirmed') FROM orders"))

    await eventually(all_ended, within=30)
    for worker in workers:
        worker.send(signal.SIGSTOP)
    await clients.place(orders - before)
    return clients, workers


def _thaw(workers: Iterable[Process]) -> None:
    for worker in workers:
        worker.send(signal.SIGCONT)


async def _started(env: Environment, count: int) -> bool:
    return int(await env.db.fetchval("SELECT count(*) FROM order_events WHERE status = 'routing'")) >= count


async def _granted(env: Environment, count: int) -> bool:
    return int(await env.redis.zcard(WINDOW)) >= count


async def _settled(env: Environment) -> int:
    """The grants, once each has been used: no order is under way, except those that wait for a start."""

    async def none_runs() -> bool:
        running = "SELECT count(*) FROM orders WHERE status IN ('routing', 'building', 'submitted')"
        starts = "SELECT count(*) FROM order_events WHERE status = 'routing'"
        granted = int(await env.redis.zcard(WINDOW))
        return not await env.db.fetchval(running) and granted == await env.db.fetchval(starts)

    await eventually(none_runs, within=30)
    return int(await env.redis.zcard(WINDOW))


async def _oldest_grant(env: Environment) -> float:
    """The longest time from a grant that is still in the window to its start. Both clocks are those of this machine."""
    grants = dict(one.decode().rsplit(":", 1) for one in await env.redis.zrange(WINDOW, 0, -1))
    starts = await env.db.fetch("SELECT order_id, max(at) AS at FROM order_events WHERE status = 'routing' GROUP BY 1")
    ages = [
        row["at"].timestamp() - int(grants[str(row["order_id"])]) / 1000
        for row in starts
        if str(row["order_id"]) in grants
    ]
    return max(ages, default=0.0)
