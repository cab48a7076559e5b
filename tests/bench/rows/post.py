"""POST accepted and durable: throughput of one API process. No worker runs."""

from tests.bench.client import client
from tests.bench.costs import Costs, check_orders
from tests.bench.rows import EXECUTE, IN_FLIGHT, ORDER, Plan, Result, require
from tests.bench.systems import bench_environment
from tests.bench.table import TableRow, Target

WARM_UP = 2_000


async def run(plan: Plan) -> Result:
    rate = TableRow("POST accepted and durable, 32 in flight", "orders/s", Target(at_least=3500, ratio=1.5))
    middle = TableRow("… answered, p50", "ms")
    slowest = TableRow("… answered, p99", "ms", Target(at_most=20))
    costs, tool = Costs("POST"), TableRow("POST: load tool", "µs")
    async with bench_environment() as env, client() as clients:
        for system in env.systems:
            await system.start_api()
            await clients.call("post", port=system.port, path=EXECUTE, body=ORDER, count=WARM_UP, in_flight=IN_FLIGHT)
        for _ in range(plan.rounds):
            for system in env.systems:
                await system.empty()
                before = costs.before(system)
                seen = await clients.call(
                    "post", port=system.port, path=EXECUTE, body=ORDER, count=plan.orders, in_flight=IN_FLIGHT
                )
                costs.after(system, before, plan.orders)
                require(seen["statuses"] == {"202": plan.orders}, f"the {system.name} answered {seen['statuses']}")
                await check_orders(system, plan.orders, "pending")
                rate.add(system.name, seen["per_second"])
                middle.add(system.name, seen["p50_ms"])
                slowest.add(system.name, seen["p99_ms"])
                tool.add(system.name, seen["cpu_us"])
                print(f"    {system.name}: {seen['per_second']:,.0f} orders/s, p99 {seen['p99_ms']:.1f} ms", flush=True)
    return Result([rate, middle, slowest], [*costs.rows(["API", "Postgres", "Redis", "all"]), tool])
