"""Does it matter how much there is? The same things of three engines in turns: empty, with a long line, an old book.

Each has servers of its own, and its processes stand still (SIGSTOP) while another is measured. Pickup is `POST sent →
routing heard`, of an order that is the only one waiting. Behind a hundred thousand others that says nothing: there it
is the time per order in which a worker takes from the head of the line.
"""

import asyncio
import os
import signal
import statistics
import time
from contextlib import AsyncExitStack

from app.orders.queue.order_queue import STARTS
from app.orders.store.sweep import SweepStore
from app.postgres import open_postgres
from tests.bench import filling
from tests.bench.client import Client, client
from tests.bench.rows import EXECUTE, IN_FLIGHT, ORDER, Found, Plan, must
from tests.bench.rows.flow import place
from tests.bench.stacks import Side, machine
from tests.bench.table import ENGINE, TableRow, Target

WAITING, ENDED = 100_000, 5_000_000
EMPTY, LINE, BOOK = "empty", "waiting", "ended"
OWNER = "local"
FOR_EVER = ORDER.replace("}", ',"expiresInSeconds":0}')
SLOW = {"QUEUE_MAX_PER_MIN": "1"}  # they stay
POSTS, GETS, PICKED, TAKEN, SWEEPS = 1_000, 200, 100, 1_500, 7
LEAD = 300  # orders taken before the clock starts
A_PAGE = 50
BETWEEN_SWEEPS = 0.5  # seconds
CATCH_UP = 1.2  # seconds for processes that stood still
PAGES = {
    "list page by owner": f"/api/orders?limit={A_PAGE}",
    "list page by owner and status": f"/api/orders?limit={A_PAGE}&status=confirmed",
}
NTH = "SELECT extract(epoch FROM at)::float8 FROM order_events WHERE status = 'routing' ORDER BY at OFFSET $1 LIMIT 1"
TAKEN_SO_FAR = "SELECT count(*) FROM order_events WHERE status = 'routing'"

Figures = dict[str, list[float]]  # of each engine, a figure per round


async def run(plan: Plan) -> Found:
    waiting, ended = (WAITING // 20, ENDED // 50) if plan.quick else (WAITING, ENDED)
    async with AsyncExitStack() as closing:
        clients = await closing.enter_async_context(client())
        engines, notes = {}, []
        for what, many in ((EMPTY, (0, 0)), (LINE, (0, waiting)), (BOOK, (ended, 0))):
            here = await closing.enter_async_context(machine(with_peer=False))
            must(filling.has_room(here.premises, sum(many)), f"the disk has no room for {sum(many):,} orders")
            engines[what], began = here.engine, time.monotonic()
            # Also an empty engine has a page of orders to show.
            await filling.fill(here.engine, OWNER, ended=max(many[0], 4 * A_PAGE), waiting=many[1])
            await here.engine.start_api(**SLOW)
            here.engine.start_worker(**SLOW)
            while await here.engine.redis.zcard(STARTS) < many[1]:
                await asyncio.sleep(0.1)
            still(here.engine)
            notes.append(f"Deep, {what}: {sum(many):,} orders, ready after {time.monotonic() - began:.0f} s.")
        seen = await in_turns(engines, clients, plan.rounds)
    lines = [
        line for what, many in ((LINE, waiting), (BOOK, ended)) for line in compared(f"{many:,} {what}", what, seen)
    ]
    return Found(lines, notes=notes)


async def in_turns(engines: dict[str, Side], clients: Client, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Of each thing the figures of each engine, in ms."""
    seen: dict[str, Figures] = {}
    for _ in range(rounds):
        for name, side in engines.items():
            moving(side)
            await asyncio.sleep(CATCH_UP)
            for what, figure in (await measured(side, clients)).items():
                seen.setdefault(what, {}).setdefault(name, []).append(figure)
            still(side)
    for side in engines.values():
        moving(side)
        await side.stop_workers()
    for _ in range(rounds):
        for name in (EMPTY, LINE):
            figure = await taken(engines[name], clients, fills=name == EMPTY)
            seen.setdefault("taken from the head of the line, per order", {}).setdefault(name, []).append(figure)
    for name in (EMPTY, BOOK):
        await engines[name].redis.flushdb()
        await engines[name].db.execute("DELETE FROM orders WHERE status = 'pending'")
        engines[name].start_worker()
    for _ in range(rounds):
        for name in (EMPTY, BOOK):
            told = await clients.ask("idle", port=engines[name].port, path=EXECUTE, body=ORDER, count=PICKED)
            seen.setdefault("pickup, p50", {}).setdefault(name, []).append(told["p50_ms"])
    return seen


def compared(when: str, name: str, seen: dict[str, Figures]) -> list[TableRow]:
    """How much longer each thing takes, in percent of what it takes when empty."""
    lines = []
    for what, figures in seen.items():
        if name in figures:
            medians = statistics.median(figures[EMPTY]), statistics.median(figures[name])
            line = TableRow(
                f"{when}: {what}, {medians[0]:.2f} → {medians[1]:.2f} ms, longer by", "%", Target(at_most=10)
            )
            line.seen[ENGINE] = [
                (full / empty - 1) * 100 for empty, full in zip(figures[EMPTY], figures[name], strict=True)
            ]
            lines.append(line)
    return lines


async def measured(side: Side, clients: Client) -> dict[str, float]:
    found = {}
    for what, path in PAGES.items():
        seen = await clients.ask("get", port=side.port, path=path, count=GETS)
        must(seen["statuses"] == {"200": GETS}, f"{what}: {seen['statuses']}")
        must(seen["last"].count('"orderId"') == A_PAGE, f"{what}: not a whole page")
        found[what] = seen["p50_ms"]
    seen = await clients.ask("post", port=side.port, path=EXECUTE, body=FOR_EVER, count=POSTS, in_flight=IN_FLIGHT)
    must(seen["statuses"] == {"202": POSTS}, f"POST: {seen['statuses']}")
    found["POST, time per order"] = 1000 / seen["per_second"]
    found["sweeper round, twice a second"] = await swept(side)
    return found


async def swept(side: Side) -> float:
    """Rounds as the sweeper makes them, in the database, while the worker's own stands still."""
    side.workers[0].send_signal(signal.SIGSTOP)
    postgres = await open_postgres(side.environment["DATABASE_URL"], size=2)
    try:
        orphans, took = SweepStore(postgres.reading), []
        for _ in range(SWEEPS):
            await asyncio.sleep(BETWEEN_SWEEPS)
            began = time.perf_counter()
            await orphans.sweep(500)
            took.append(time.perf_counter() - began)
        return statistics.median(took) * 1000
    finally:
        await postgres.close()
        side.workers[0].send_signal(signal.SIGCONT)


async def taken(side: Side, clients: Client, *, fills: bool) -> float:
    """By a worker of ten slots that may start as many as it can; ms per order."""
    if fills:
        await place(clients, side, TAKEN + 3 * LEAD)
    before = await side.db.fetchval(TAKEN_SO_FAR)
    side.start_worker()
    while await side.db.fetchval(TAKEN_SO_FAR) - before < TAKEN + 2 * LEAD:
        await asyncio.sleep(0.1)
    await side.stop_workers()
    first, last = [await side.db.fetchval(NTH, before + n) for n in (LEAD, LEAD + TAKEN)]
    return float((last - first) / TAKEN * 1000)


def still(side: Side) -> None:
    _to_all(side, signal.SIGSTOP)


def moving(side: Side) -> None:
    _to_all(side, signal.SIGCONT)


def _to_all(side: Side, sent: signal.Signals) -> None:
    for process in (side.api, *side.workers):
        assert process
        os.kill(process.pid, sent)
