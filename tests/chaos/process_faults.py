"""Faults of the engine's own processes."""

import asyncio
import random
import signal
from collections.abc import Sequence
from itertools import pairwise

from app.orders.queue.lanes import queue_entry
from app.orders.queue.order_queue import STARTS
from tests.chaos.clients import Clients
from tests.chaos.environment import Environment
from tests.chaos.oracle import Verdict, judge
from tests.engine import eventually

LEASE = 1.0  # as chaos_environment() sets it
LEASE_LOST_LOG = b"another worker has the order"
ASKING = {"MOCK_QUOTE_MS": "1"}  # then venues do not quote and build in process

Point = tuple[dict[str, str], str, str, int]  # the settings of the worker, and when it is killed
EVERY_POINT: tuple[Point, ...] = (
    # The commits of an order without failures: claim, (building and) submitted, confirmed.
    *(({}, when, "commit", n) for n in range(1, 4) for when in ("before", "after")),
    *((ASKING, when, "commit", n) for n in range(1, 5) for when in ("before", "after")),
    ({}, "before", "send", 1),
    ({}, "after", "send", 1),
)


async def verdict_of(env: Environment, clients: Clients, within: float = 30) -> Verdict:
    """Wait for every stream to end, then ask the oracle."""
    await clients.finish(within)
    return await judge(env.db, accepted=clients.accepted, seen=clients.seen)


async def killed_at_every_point(
    env: Environment, rng: random.Random, *, repeats: int, points: Sequence[Point] = EVERY_POINT
) -> tuple[str, bool]:
    """A worker is killed before and after every commit and every send; another one continues."""
    total = Verdict()
    for _ in range(repeats):
        for settings, when, what, n in points:
            await env.clear()
            env.start("api")
            clients = Clients(env.base_url, rng)
            sabotaged = env.start("worker", settings, sabotage={"kill_at": {"when": when, "what": what, "n": n}})
            await clients.place(rng.randint(1, 3))
            assert await sabotaged.exited() == -signal.SIGKILL
            env.start("worker")
            _add(total, await verdict_of(env, clients))
    return f"{len(points)} points x {repeats}: {total.lost} lost, {total.twice} twice, {total.gaps} gaps", total.clean


async def killed_at_random(env: Environment, rng: random.Random, *, orders: int, kills: int) -> tuple[str, bool]:
    """Workers and API are killed again and again while orders come in; each is started again at once."""
    await env.clear()
    pace = {"MOCK_QUOTE_MS": "20", "MOCK_EXECUTION_MS_MIN": "50", "MOCK_EXECUTION_MS_MAX": "150"}
    running = [env.start("api"), *(env.start("worker", pace) for _ in range(2))]
    roles = ["api", "worker", "worker"]
    clients = Clients(env.base_url, rng)
    loading = asyncio.create_task(clients.place(orders, at_once=8, pause=kills * 0.7 * 2 * 8 / orders))
    for _ in range(kills):
        await asyncio.sleep(rng.uniform(0.4, 1.0))
        victim = rng.choice([0, 1, 1, 2, 2])
        await running[victim].kill()
        settings = pace if roles[victim] == "worker" else {}
        running[victim] = env.start(roles[victim], settings)
    await loading
    verdict = await verdict_of(env, clients, within=90)
    p99 = await _recovery_p99(env)
    return (
        f"{orders} orders, {kills} kills: {verdict.lost} lost, {verdict.twice} twice, {verdict.gaps} gaps; "
        f"p99 {p99:.1f} s from the last step of a dead worker to the next start (lease {LEASE:.0f} s)",
        verdict.clean,
    )


async def frozen_and_thawed(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """A worker is frozen past its lease, its orders are taken over, then it continues."""
    await env.clear()
    env.start("api")
    slow = {"MOCK_QUOTE_MS": "600", "MOCK_EXECUTION_MS_MIN": "300", "MOCK_EXECUTION_MS_MAX": "600"}
    frozen = env.start("worker", slow)
    clients = Clients(env.base_url, rng)
    await clients.place(orders)

    async def holds_several_leases() -> bool:
        held = "SELECT count(*) FROM orders WHERE lease_until > now() AND status IN ('routing', 'submitted')"
        return int(await env.db.fetchval(held)) >= min(orders, 8)

    await eventually(holds_several_leases)
    frozen.send(signal.SIGSTOP)
    env.start("worker")

    async def taken_over() -> bool:
        return bool(await env.db.fetchval("SELECT bool_and(status = 'confirmed') FROM orders"))

    await eventually(taken_over, within=30)
    before = await env.db.fetch("SELECT id, seq, fence, updated_at FROM orders ORDER BY id")
    frozen.send(signal.SIGCONT)

    async def noticed() -> bool:
        return LEASE_LOST_LOG in frozen.log.read_bytes()

    await eventually(noticed)
    frozen.send(signal.SIGTERM)
    code = await frozen.exited()
    after = await env.db.fetch("SELECT id, seq, fence, updated_at FROM orders ORDER BY id")
    stale = sum(one != other for one, other in zip(before, after, strict=True))
    refused = frozen.log.read_bytes().count(LEASE_LOST_LOG)
    verdict = await verdict_of(env, clients)
    return (
        f"{orders} orders: {stale} stale writes ({refused} refused), {verdict.twice} twice, exit code {code}",
        verdict.clean and stale == 0 and code == 0,
    )


async def api_killed_before_queueing(env: Environment, rng: random.Random, *, repeats: int) -> tuple[str, bool]:
    """The order is in Postgres but not in Redis, and the client has no answer."""
    await env.clear()
    env.start("worker")
    clients = Clients(env.base_url, rng)
    for _ in range(repeats):
        sabotaged = env.start("api", sabotage={"kill_at": {"when": "before", "what": "queue", "n": 1}})
        placing = asyncio.create_task(clients.place(1))
        await sabotaged.exited()
        healthy = env.start("api")
        await placing
        await eventually(lambda: _all_ended(env), within=20)
        await healthy.kill()
    env.start("api")
    verdict = await verdict_of(env, clients)
    executed = await env.db.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'")
    return (
        f"{repeats} times: {executed} executed, {verdict.duplicates} duplicates",
        verdict.clean and executed == repeats,
    )


async def delivered_ten_times(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """The queue holds ten entries for each order, each with a lock of its own."""
    await env.clear()
    env.start("api")
    clients = Clients(env.base_url, rng)
    await clients.place(orders)
    for order in clients.accepted:
        for copy in range(10):
            digits = order.replace("-", "")
            same = f"{digits[:copy]}----{digits[copy:]}"  # to a UUID hyphens do not matter
            await env.redis.zadd(STARTS, {queue_entry(same, "market", "local"): 1})
    for _ in range(2):
        env.start("worker", {"MOCK_EXECUTION_MS_MIN": "50", "MOCK_EXECUTION_MS_MAX": "200"})
    verdict = await verdict_of(env, clients)
    sends = await env.db.fetchval("SELECT count(*) FROM chain.transactions")
    return f"{orders} orders: {sends - orders} extra fills", verdict.clean and sends == orders


async def poison_order(env: Environment, rng: random.Random, *, others: int) -> tuple[str, bool]:
    """One order kills every worker that starts it."""
    await env.clear()
    env.start("api")
    clients = Clients(env.base_url, rng)
    poison = await clients.accept()
    clients.watch(poison)
    await clients.place(others)
    sabotage = {"kill_at": {"when": "before", "what": "commit", "n": 1, "order": poison}}
    kills, worker = 0, env.start("worker", {"MOCK_QUOTE_MS": "200"}, sabotage=sabotage)

    async def ended() -> bool:
        nonlocal kills, worker
        if not worker.running:
            kills, worker = kills + 1, env.start("worker", {"MOCK_QUOTE_MS": "200"}, sabotage=sabotage)
        return await _all_ended(env)

    await eventually(ended, within=180)
    verdict = await verdict_of(env, clients)
    status = {str(row["id"]): row["status"] for row in await env.db.fetch("SELECT id, status FROM orders")}
    harmed = sum(state != "confirmed" for order, state in status.items() if order != poison)
    return (
        f"{status[poison]} after {kills} dead workers; {harmed} of {others} others harmed",
        verdict.clean and status[poison] == "failed" and harmed == 0,
    )


async def clocks_apart(env: Environment, rng: random.Random, *, orders: int) -> tuple[str, bool]:
    """The API an hour ahead, one worker an hour behind, one on time; attempts fail now and then."""
    spans = []
    for apart in (0, 3600):
        await env.clear()
        env.start("api", sabotage={"clock": apart})
        for clock in (-apart, 0):
            env.start("worker", {"MOCK_FAILURE_RATE": "0.1"}, sabotage={"clock": clock})
        clients = Clients(env.base_url, rng)
        await clients.place(orders)
        verdict = await verdict_of(env, clients, within=60)
        if not verdict.clean:
            return str(verdict), False
        spans.append(
            await env.db.fetchval(
                "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY updated_at - created_at) FROM orders"
            )
        )
    on_time, apart_ms = (round(span.total_seconds() * 1000) for span in spans)
    return f"{orders} orders, 0 lost, 0 twice, 0 gaps; time to the end p50 {on_time} ms, apart {apart_ms} ms", True


async def _all_ended(env: Environment) -> bool:
    unfinished = "SELECT count(*) FROM orders WHERE status NOT IN ('confirmed', 'failed', 'cancelled')"
    return int(await env.db.fetchval(unfinished)) == 0


async def _recovery_p99(env: Environment) -> float:
    rows = await env.db.fetch(
        "SELECT order_id, status, at, details->>'code' AS code FROM order_events ORDER BY order_id, seq"
    )
    waits, last_step = [], None
    for one, two in pairwise(rows):
        if one["order_id"] != two["order_id"]:
            last_step = None
        elif two["code"] == "worker_lost":
            last_step = one["at"]
        elif two["status"] == "routing" and last_step is not None:
            waits.append((two["at"] - last_step).total_seconds())
            last_step = None
    return sorted(waits)[int(len(waits) * 0.99)] if waits else 0.0


def _add(total: Verdict, one: Verdict) -> None:
    for name in ("orders", "lost", "twice", "wrong", "gaps", "duplicates"):
        setattr(total, name, getattr(total, name) + getattr(one, name))
    total.violations += one.violations
