"""A second worker process: how much sooner is a full queue empty, and what does an order cost then?"""

from tests.bench.client import client
from tests.bench.costs import Costs
from tests.bench.rows import Found, Plan
from tests.bench.rows.flow import drain, place
from tests.bench.stacks import machine
from tests.bench.table import ENGINE, TableRow, Target


async def run(plan: Plan) -> Found:
    rates = {n: TableRow(f"a queue emptied by {n} worker{'s' * (n > 1)}", "orders/s") for n in (1, 2)}
    ratio = TableRow("… two to one", "", Target(at_least=1.6))
    costs = {n: Costs(f"queue emptied by {n}") for n in rates}
    async with machine(with_peer=False) as here, client() as clients:
        side = here.engine
        await side.start_api()
        for _ in range(plan.rounds):
            for workers, rate in rates.items():
                await side.empty()
                await place(clients, side, plan.orders)
                rate.add(ENGINE, await drain(side, plan.orders, costs[workers], workers))
                await side.stop_workers()
            ratio.add(ENGINE, rates[2].seen[ENGINE][-1] / rates[1].seen[ENGINE][-1])
            print(f"    {rates[1].seen[ENGINE][-1]:,.0f} and {rates[2].seen[ENGINE][-1]:,.0f} orders/s", flush=True)
    parts = ["worker", "Postgres", "Redis", "all"]
    return Found([*rates.values(), ratio], [line for cost in costs.values() for line in cost.told(parts)])
