"""From POST to `confirmed`, with all processes on the same cores; then the worker alone on a filled queue."""

import asyncio
import time

from tests.bench.client import Client, client
from tests.bench.costs import PROCESSES, Costs, check_orders
from tests.bench.environment import bench_environment
from tests.bench.processes import memory_mib
from tests.bench.rows import EXECUTE, IN_FLIGHT, ORDER, InvalidRun, Plan, Result, require
from tests.bench.systems import System
from tests.bench.table import DBOS, ENGINE, PEER, TableRow, Target

WARM_UP = 500
TIMEOUT_SECONDS = 300.0  # seconds until all are confirmed
LOOK_SECONDS = 0.5  # between counts, which read the whole table: ten a second would be a twentieth of the engine's cost

LAST_END = "SELECT extract(epoch FROM max(at))::float8 FROM order_events WHERE status = 'confirmed'"
FIRST_START = "SELECT extract(epoch FROM min(at))::float8 FROM order_events WHERE status = 'routing'"


async def run(plan: Plan) -> Result:
    node, dbos = Flow(PEER), Flow(DBOS)
    node.through.target, node.costs.all.target = Target(ratio_at_least=1.2), Target(ratio_at_most=0.65)
    dbos.through.target = Target(ratio_at_least=8)
    drained, drain_costs = TableRow("… queue filled beforehand, no POST meanwhile", "orders/s"), Costs("queue emptied")
    for memory in (node.api_memory, node.worker_memory):
        memory.target = Target(at_most=100)
    async with bench_environment(peers=(PEER, DBOS)) as env, client() as clients:
        for system in env.systems:
            await system.start_api()
            system.start_worker()
        for _ in range(plan.rounds):
            for system in env.systems:
                flows = {ENGINE: (node, dbos), PEER: (node,), DBOS: (dbos,)}[system.name]
                await measure(system, clients, plan.orders // system.fraction, flows)
                if system.name == DBOS:
                    continue
                await system.stop_workers()
                await system.empty()
                await place(clients, system, queued := plan.orders // 2)
                drained.add(system.name, await drain(system, queued, drain_costs))
                print(f"    {system.name}: queue emptied at {drained.seen[system.name][-1]:,.0f}/s", flush=True)
    rows = [node.through, drained, node.costs.all, node.api_memory, node.worker_memory]
    costs = [*node.costs.rows(PROCESSES), *drain_costs.rows(["worker", "Postgres", "Redis", "all"])]
    if DBOS in dbos.through.seen:
        rows += [dbos.through, dbos.costs.all, dbos.api_memory, dbos.worker_memory]
        costs += dbos.costs.rows(PROCESSES)
    return Result(rows, costs)


class Flow:
    """The rows that compare the engine with one other system."""

    def __init__(self, other: str) -> None:
        self.through = TableRow("POST → confirmed, worker concurrency 10", "orders/s", other=other)
        self.costs = Costs("POST → confirmed, processor time per order", other)
        self.api_memory = TableRow("peak memory of the API", "MiB", other=other)
        self.worker_memory = TableRow("peak memory of the worker", "MiB", other=other)


async def measure(system: System, clients: Client, orders: int, flows: tuple[Flow, ...]) -> None:
    await system.empty()
    warm_up = WARM_UP // system.fraction
    await place(clients, system, warm_up)
    await ended(system, warm_up)
    await system.empty()
    before = flows[0].costs.before(system)
    began_at = await place(clients, system, orders)
    await ended(system, orders)
    spent = flows[0].costs.spent(system, before, orders)
    await check_orders(system, orders)
    through = orders / (await system.db.fetchval(LAST_END) - began_at)
    assert system.api
    for flow in flows:
        flow.through.add(system.name, through)
        flow.costs.add(system, spent)
        flow.api_memory.add(system.name, memory_mib(system.api.pid, "VmHWM"))
        flow.worker_memory.add(system.name, memory_mib(system.workers[0].pid, "VmHWM"))
    print(f"    {system.name}: {through:,.0f} orders/s", flush=True)


async def place(clients: Client, system: System, count: int) -> float:
    """Place orders; return the time at which the first was sent."""
    seen = await clients.call(
        "post",
        port=system.port,
        path=EXECUTE,
        body=ORDER,
        count=count,
        in_flight=IN_FLIGHT,
        callers=system.callers,
    )
    require(seen["statuses"] == {"202": count}, f"the {system.name} answered {seen['statuses']}")
    return float(seen["began_at"])


async def drain(system: System, queued: int, costs: Costs, workers: int = 1) -> float:
    """Start workers on a full queue; return orders per second from the first start to the last end."""
    for _ in range(workers):
        system.start_worker()
    done = await ended(system, 1)  # leave the start of the processes out of the costs
    before = costs.before(system)
    await ended(system, queued)
    costs.after(system, before, queued - done)
    await check_orders(system, queued)
    return float(queued / (await system.db.fetchval(LAST_END) - await system.db.fetchval(FIRST_START)))


async def ended(system: System, count: int) -> int:
    """Wait until this many orders are confirmed. Returns how many are."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (done := await system.db.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'")) < count:
        if time.monotonic() > deadline:
            raise InvalidRun(f"the {system.name} had confirmed {done} of {count} orders in {TIMEOUT_SECONDS:.0f} s")
        await asyncio.sleep(LOOK_SECONDS)
    return int(done)
