"""From POST to `confirmed`, with all processes on the same cores; then the worker alone on a filled queue."""

import asyncio
import time

from tests.bench.client import Client, client
from tests.bench.costs import Costs, check_orders
from tests.bench.processes import memory_mib
from tests.bench.rows import EXECUTE, IN_FLIGHT, ORDER, InvalidRun, Plan, Result, require
from tests.bench.systems import System, bench_environment
from tests.bench.table import TableRow, Target

WARM_UP = 500
TIMEOUT_SECONDS = 300.0  # seconds until all are confirmed

LAST_END = "SELECT extract(epoch FROM max(at))::float8 FROM order_events WHERE status = 'confirmed'"
FIRST_START = "SELECT extract(epoch FROM min(at))::float8 FROM order_events WHERE status = 'routing'"


async def run(plan: Plan) -> Result:
    through = TableRow("POST → confirmed, worker concurrency 10", "orders/s", Target(at_least=1500, ratio=3))
    drained = TableRow("… queue filled beforehand, no POST meanwhile", "orders/s")
    api_memory = TableRow("peak memory of the API", "MiB", Target(at_most=100))
    worker_memory = TableRow("peak memory of the worker", "MiB", Target(at_most=100))
    flow_costs, drain_costs = Costs("POST → confirmed"), Costs("queue emptied")
    queued = plan.orders // 2
    async with bench_environment() as env, client() as clients:
        for system in env.systems:
            await system.start_api()
            system.start_worker()
        for _ in range(plan.rounds):
            for system in env.systems:
                await system.empty()
                await place(clients, system, WARM_UP)
                await ended(system, WARM_UP)
                await system.empty()

                before = flow_costs.before(system)
                began_at = await place(clients, system, plan.orders)
                await ended(system, plan.orders)
                flow_costs.after(system, before, plan.orders)
                await check_orders(system, plan.orders)
                through.add(system.name, plan.orders / (await system.db.fetchval(LAST_END) - began_at))
                assert system.api
                api_memory.add(system.name, memory_mib(system.api.pid, "VmHWM"))
                worker_memory.add(system.name, memory_mib(system.workers[0].pid, "VmHWM"))

                await system.stop_workers()
                await system.empty()
                await place(clients, system, queued)
                drained.add(system.name, await drain(system, queued, drain_costs))
                print(
                    f"    {system.name}: {through.seen[system.name][-1]:,.0f} orders/s, "
                    f"queue emptied at {drained.seen[system.name][-1]:,.0f}/s",
                    flush=True,
                )
    costs = [*flow_costs.rows(), *drain_costs.rows(["worker", "Postgres", "Redis", "all"])]
    return Result([through, drained, api_memory, worker_memory], costs)


async def place(clients: Client, system: System, count: int) -> float:
    """Place orders; return the time at which the first was sent."""
    seen = await clients.call("post", port=system.port, path=EXECUTE, body=ORDER, count=count, in_flight=IN_FLIGHT)
    require(seen["statuses"] == {"202": count}, f"the {system.name} answered {seen['statuses']}")
    return float(seen["began_at"])


async def drain(system: System, queued: int, costs: Costs, workers: int = 1) -> float:
    """Start workers on a full queue; return orders per second from the first start to the last end."""
    for _ in range(workers):
        system.start_worker()
    await ended(system, 1)  # leave the start of the processes out of the costs
    before = costs.before(system)
    await ended(system, queued)
    costs.after(system, before, queued)
    await check_orders(system, queued)
    return float(queued / (await system.db.fetchval(LAST_END) - await system.db.fetchval(FIRST_START)))


async def ended(system: System, count: int) -> None:
    """Wait until this many orders are confirmed."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (done := await system.db.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'")) < count:
        if time.monotonic() > deadline:
            raise InvalidRun(f"the {system.name} had confirmed {done} of {count} orders in {TIMEOUT_SECONDS:.0f} s")
        await asyncio.sleep(0.1)
