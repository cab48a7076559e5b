"""A full queue emptied by one and by two worker processes: throughput, and processor time per order."""

from tests.bench.client import client
from tests.bench.costs import Costs
from tests.bench.environment import bench_environment
from tests.bench.rows import Plan, Result
from tests.bench.rows.flow import drain, place
from tests.bench.table import ENGINE, TableRow, Target


async def run(plan: Plan) -> Result:
    rates = {n: TableRow(f"a queue emptied by {n} worker{'s' * (n > 1)}", "orders/s") for n in (1, 2)}
    ratio = TableRow("… two to one", "", Target(at_least=1.6))
    cheaper = TableRow("… or else: processor time per order, two to one", "", Target(at_most=1))
    costs = {n: Costs(f"queue emptied by {n}") for n in rates}
    async with bench_environment(peers=()) as env, client() as clients:
        system = env.engine
        await system.start_api()
        for _ in range(plan.rounds):
            for workers, rate in rates.items():
                await system.empty()
                await place(clients, system, plan.orders)
                rate.add(ENGINE, await drain(system, plan.orders, costs[workers], workers))
                await system.stop_workers()
            ratio.add(ENGINE, rates[2].seen[ENGINE][-1] / rates[1].seen[ENGINE][-1])
            cheaper.add(ENGINE, costs[2].all.seen[ENGINE][-1] / costs[1].all.seen[ENGINE][-1])
            print(f"    {rates[1].seen[ENGINE][-1]:,.0f} and {rates[2].seen[ENGINE][-1]:,.0f} orders/s", flush=True)
    processes = ["worker", "Postgres", "Redis", "all"]
    return Result([*rates.values(), ratio, cheaper], [row for cost in costs.values() for row in cost.rows(processes)])
