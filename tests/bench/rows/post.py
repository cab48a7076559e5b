"""POST accepted and durable: what one API process takes. No worker runs."""

from tests.bench.client import client
from tests.bench.costs import Costs, holds
from tests.bench.rows import EXECUTE, IN_FLIGHT, ORDER, Found, Plan, must
from tests.bench.stacks import machine
from tests.bench.table import TableRow, Target

WARM_UP = 2_000


async def run(plan: Plan) -> Found:
    rate = TableRow("POST accepted and durable, 32 in flight", "orders/s", Target(at_least=3500, ratio=1.5))
    middle = TableRow("… answered, p50", "ms")
    slowest = TableRow("… answered, p99", "ms", Target(at_most=20))
    costs, tool = Costs("POST"), TableRow("POST: load tool", "µs")
    async with machine() as here, client() as clients:
        for side in here.sides:
            await side.start_api()
            await clients.ask("post", port=side.port, path=EXECUTE, body=ORDER, count=WARM_UP, in_flight=IN_FLIGHT)
        for _ in range(plan.rounds):
            for side in here.sides:
                await side.empty()
                before = costs.before(side)
                seen = await clients.ask(
                    "post", port=side.port, path=EXECUTE, body=ORDER, count=plan.orders, in_flight=IN_FLIGHT
                )
                costs.after(side, before, plan.orders)
                must(seen["statuses"] == {"202": plan.orders}, f"the {side.name} answered {seen['statuses']}")
                await holds(side, plan.orders, "pending")
                rate.add(side.name, seen["per_second"])
                middle.add(side.name, seen["p50_ms"])
                slowest.add(side.name, seen["p99_ms"])
                tool.add(side.name, seen["cpu_us"])
                print(f"    {side.name}: {seen['per_second']:,.0f} orders/s, p99 {seen['p99_ms']:.1f} ms", flush=True)
    return Found([rate, middle, slowest], [*costs.told(["API", "Postgres", "Redis", "all"]), tool])
