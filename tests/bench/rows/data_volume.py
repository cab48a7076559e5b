"""Does the amount of data matter? Three engines in turns: empty, with many waiting orders, with many ended ones.

Each has its own servers. Pages and POSTs are measured in many short turns, because the machine's speed changes within
seconds. While the sweeper's rounds are measured the processes of the other engines are frozen (SIGSTOP). Pickup is the
time from POST until `routing` is received, for an order that is the only one waiting. Behind 100,000 others that time
says nothing, so there the figure is the time per order at the head of the queue.
"""

import asyncio
import os
import signal
import statistics
import time
from contextlib import AsyncExitStack

from app.orders.queue.lanes import Lane
from app.orders.queue.order_queue import LANES
from app.orders.store.sweep import SweepStore
from app.postgres.pools import open_postgres
from tests.bench import dataset
from tests.bench.client import Client, client
from tests.bench.environment import OWNERS, bench_environment
from tests.bench.rows import EXECUTE, IN_FLIGHT, ORDER, Plan, Result, require
from tests.bench.rows.flow import place
from tests.bench.systems import System
from tests.bench.table import ENGINE, TableRow, Target

WAITING, ENDED = 100_000, 5_000_000
EMPTY, WAITING_ORDERS, ENDED_ORDERS = "empty", "waiting", "ended"
NEVER_EXPIRES = ORDER.replace("}", ',"expiresInSeconds":0}')
ONE_START_A_MINUTE = {"QUEUE_MAX_PER_MIN": "1"}  # they stay
POSTS, GETS, PICKED, TAKEN, SWEEPS = 160, 100, 50, 1_500, 7
SHORT_TURNS = 8  # in each round
QUEUED = 0.999  # of those that wait
LEAD = 2_000  # orders taken before the measurement starts: a worker that starts compares the queue with Postgres
TAIL = 300  # orders taken after it
PAGE_SIZE = 50
QUEUE = f"{LANES}{Lane.MARKET:d}"
BETWEEN_SWEEPS = 0.5  # seconds
CATCH_UP = 1.2  # seconds for thawed processes to catch up
PAGES = {
    "list page by owner": f"/api/orders?limit={PAGE_SIZE}",
    "list page by owner and status": f"/api/orders?limit={PAGE_SIZE}&status=confirmed",
}
NTH = "SELECT extract(epoch FROM at)::float8 FROM order_events WHERE status = 'routing' ORDER BY at OFFSET $1 LIMIT 1"
STARTED = "SELECT count(*) FROM order_events WHERE status = 'routing'"

Figures = dict[str, list[float]]  # of each engine, a figure per round


async def run(plan: Plan) -> Result:
    waiting, ended = (WAITING // 10, ENDED // 50) if plan.quick else (WAITING, ENDED)
    async with AsyncExitStack() as closing:
        clients = await closing.enter_async_context(client())
        engines, notes = {}, []
        for what, many in ((EMPTY, (0, 0)), (WAITING_ORDERS, (0, waiting)), (ENDED_ORDERS, (ended, 0))):
            env = await closing.enter_async_context(bench_environment(peers=()))
            require(dataset.has_disk_space(env.data_home, sum(many)), f"the disk has no room for {sum(many):,} orders")
            engines[what], began = env.engine, time.monotonic()
            # The empty engine also needs a page of orders to list.
            await dataset.fill(env.engine, OWNERS[0], ended=max(many[0], 4 * PAGE_SIZE), waiting=many[1])
            await env.engine.start_api(**ONE_START_A_MINUTE)
            env.engine.start_worker(**ONE_START_A_MINUTE)
            # Meanwhile the first ones start.
            while await env.engine.redis.zcard(QUEUE) < many[1] * QUEUED:
                await asyncio.sleep(0.1)
            freeze(env.engine)
            notes.append(f"Data volume, {what}: {sum(many):,} orders, ready after {time.monotonic() - began:.0f} s.")
        seen = await measure_in_turns(engines, clients, plan.rounds)
    rows = [
        row
        for what, many in ((WAITING_ORDERS, waiting), (ENDED_ORDERS, ended))
        for row in compared(f"{many:,} {what}", what, seen)
    ]
    return Result(rows, notes=notes)


async def measure_in_turns(
    engines: dict[str, System], clients: Client, rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Measurement → engine → figures in ms."""
    seen: dict[str, Figures] = {}

    def note(what: str, name: str, figure: float) -> None:
        seen.setdefault(what, {}).setdefault(name, []).append(figure)

    for system in engines.values():
        thaw(system)
    await asyncio.sleep(CATCH_UP)
    for _ in range(rounds * SHORT_TURNS):
        for name, system in engines.items():
            for what, figure in (await requested(system, clients)).items():
                note(what, name, figure)
    for system in engines.values():
        freeze(system)
    for _ in range(rounds):
        for name, system in engines.items():
            thaw(system)
            await asyncio.sleep(CATCH_UP)
            note("sweeper round, twice a second", name, await swept(system))
            freeze(system)
    for system in engines.values():
        thaw(system)
        await system.stop_workers()
    for _ in range(rounds):
        for name in (EMPTY, WAITING_ORDERS):
            figure = await taken(engines[name], clients, fills=name == EMPTY)
            note("taken from the head of the queue, per order", name, figure)
    for name in (EMPTY, ENDED_ORDERS):
        await engines[name].redis.flushdb()
        await engines[name].db.execute("DELETE FROM orders WHERE status = 'pending'")
        engines[name].start_worker()
    for _ in range(rounds * SHORT_TURNS):
        for name in (EMPTY, ENDED_ORDERS):
            engine = engines[name]
            answer = await clients.call(
                "idle", port=engine.port, path=EXECUTE, body=ORDER, count=PICKED, caller=engine.caller
            )
            note("pickup, p50", name, answer["p50_ms"])
    return seen


def compared(when: str, name: str, seen: dict[str, Figures]) -> list[TableRow]:
    """How much longer each measurement takes than on the empty engine, in percent."""
    rows = []
    for what, figures in seen.items():
        if name in figures:
            medians = statistics.median(figures[EMPTY]), statistics.median(figures[name])
            row = TableRow(
                f"{when}: {what}, {medians[0]:.2f} → {medians[1]:.2f} ms, longer by", "%", Target(at_most=10)
            )
            row.seen[ENGINE] = [
                (full / empty - 1) * 100 for empty, full in zip(figures[EMPTY], figures[name], strict=True)
            ]
            rows.append(row)
    return rows


async def requested(system: System, clients: Client) -> dict[str, float]:
    found = {}
    for what, path in PAGES.items():
        seen = await clients.call("get", port=system.port, path=path, count=GETS, caller=system.caller)
        require(seen["statuses"] == {"200": GETS}, f"{what}: {seen['statuses']}")
        require(seen["last"].count('"orderId"') == PAGE_SIZE, f"{what}: not a whole page")
        found[what] = seen["p50_ms"]
    seen = await clients.call(
        "post",
        port=system.port,
        path=EXECUTE,
        body=NEVER_EXPIRES,
        count=POSTS,
        in_flight=IN_FLIGHT,
        callers=system.callers,
    )
    require(seen["statuses"] == {"202": POSTS}, f"POST: {seen['statuses']}")
    found["POST, time per order"] = 1000 / seen["per_second"]
    return found


async def swept(system: System) -> float:
    """Rounds of the sweeper, in the database only, while the worker with its own sweeper is frozen."""
    system.workers[0].send_signal(signal.SIGSTOP)
    postgres = await open_postgres(system.environment["DATABASE_URL"], size=3)
    try:
        sweeps, took = SweepStore(postgres.internal), []
        for _ in range(SWEEPS):
            await asyncio.sleep(BETWEEN_SWEEPS)
            began = time.perf_counter()
            await sweeps.sweep(500)
            took.append(time.perf_counter() - began)
        return statistics.median(took) * 1000
    finally:
        await postgres.close()
        system.workers[0].send_signal(signal.SIGCONT)


async def taken(system: System, clients: Client, *, fills: bool) -> float:
    """Milliseconds per order that a worker with ten slots and no start limit needs."""
    if fills:
        await place(clients, system, LEAD + TAKEN + 2 * TAIL)
    before = await system.db.fetchval(STARTED)
    left = await system.redis.zcard(QUEUE) - LEAD - TAKEN - TAIL
    require(left >= 0, "the queue has too few orders to take")
    system.start_worker()
    while await system.redis.zcard(QUEUE) > left:
        await asyncio.sleep(0.1)
    await system.stop_workers()
    first, last = [await system.db.fetchval(NTH, before + n) for n in (LEAD, LEAD + TAKEN)]
    return float((last - first) / TAKEN * 1000)


def freeze(system: System) -> None:
    _to_all(system, signal.SIGSTOP)


def thaw(system: System) -> None:
    _to_all(system, signal.SIGCONT)


def _to_all(system: System, sent: signal.Signals) -> None:
    for process in (system.api, *system.workers):
        assert process
        os.kill(process.pid, sent)
