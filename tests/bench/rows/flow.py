"""From POST to `confirmed`, with everything on the same cores; then the worker alone, emptying a queue."""

import asyncio
import time

from tests.bench.client import Client, client
from tests.bench.costs import Costs, holds
from tests.bench.processes import memory_mib
from tests.bench.rows import EXECUTE, IN_FLIGHT, ORDER, Found, NotSo, Plan, must
from tests.bench.stacks import Side, machine
from tests.bench.table import TableRow, Target

WARM_UP = 500
PATIENCE = 300.0  # seconds until all are confirmed

LAST_END = "SELECT extract(epoch FROM max(at))::float8 FROM order_events WHERE status = 'confirmed'"
FIRST_START = "SELECT extract(epoch FROM min(at))::float8 FROM order_events WHERE status = 'routing'"


async def run(plan: Plan) -> Found:
    through = TableRow("POST → confirmed, worker concurrency 10", "orders/s", Target(at_least=1500, ratio=3))
    drained = TableRow("… a queue that was filled before, no POST meanwhile", "orders/s")
    api_memory = TableRow("memory of the API after it, most", "MiB", Target(at_most=100))
    worker_memory = TableRow("memory of the worker after it, most", "MiB", Target(at_most=100))
    flow_costs, drain_costs = Costs("POST → confirmed"), Costs("queue emptied")
    queued = plan.orders // 2
    async with machine() as here, client() as clients:
        for side in here.sides:
            await side.start_api()
            side.start_worker()
        for _ in range(plan.rounds):
            for side in here.sides:
                await side.empty()
                await place(clients, side, WARM_UP)
                await ended(side, WARM_UP)
                await side.empty()

                before = flow_costs.before(side)
                began_at = await place(clients, side, plan.orders)
                await ended(side, plan.orders)
                flow_costs.after(side, before, plan.orders)
                await holds(side, plan.orders)
                through.add(side.name, plan.orders / (await side.db.fetchval(LAST_END) - began_at))
                assert side.api
                api_memory.add(side.name, memory_mib(side.api.pid, "VmHWM"))
                worker_memory.add(side.name, memory_mib(side.workers[0].pid, "VmHWM"))

                await side.stop_workers()
                await side.empty()
                await place(clients, side, queued)
                drained.add(side.name, await drain(side, queued, drain_costs))
                print(
                    f"    {side.name}: {through.seen[side.name][-1]:,.0f} orders/s, "
                    f"queue emptied at {drained.seen[side.name][-1]:,.0f}/s",
                    flush=True,
                )
    costs = [*flow_costs.told(), *drain_costs.told(["worker", "Postgres", "Redis", "all"])]
    return Found([through, drained, api_memory, worker_memory], costs)


async def place(clients: Client, side: Side, count: int) -> float:
    """When the first was sent."""
    seen = await clients.ask("post", port=side.port, path=EXECUTE, body=ORDER, count=count, in_flight=IN_FLIGHT)
    must(seen["statuses"] == {"202": count}, f"the {side.name} answered {seen['statuses']}")
    return float(seen["began_at"])


async def drain(side: Side, queued: int, costs: Costs, workers: int = 1) -> float:
    """Starts workers on a full queue; orders per second from the first start to the last end."""
    for _ in range(workers):
        side.start_worker()
    await ended(side, 1)  # what it costs a process to start is not what an order costs
    before = costs.before(side)
    await ended(side, queued)
    costs.after(side, before, queued)
    await holds(side, queued)
    return float(queued / (await side.db.fetchval(LAST_END) - await side.db.fetchval(FIRST_START)))


async def ended(side: Side, count: int) -> None:
    """Until so many are confirmed."""
    deadline = time.monotonic() + PATIENCE
    while (done := await side.db.fetchval("SELECT count(*) FROM orders WHERE status = 'confirmed'")) < count:
        if time.monotonic() > deadline:
            raise NotSo(f"the {side.name} had confirmed {done} of {count} orders in {PATIENCE:.0f} s")
        await asyncio.sleep(0.1)
