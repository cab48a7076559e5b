"""An idle system gets one order: the time until its first step arrives at a client."""

from tests.bench.client import client
from tests.bench.costs import check_orders
from tests.bench.environment import bench_environment
from tests.bench.rows import EXECUTE, ORDER, Plan, Result
from tests.bench.table import TableRow, Target

COUNT = 500
WARM_UP = 100


async def run(plan: Plan) -> Result:
    middle = TableRow("idle: POST sent → `routing` on an open socket, p50", "ms", Target(ratio_at_most=1))
    slowest = TableRow("… p99", "ms", Target(ratio_at_most=0.9))
    count = COUNT // 5 if plan.quick else COUNT
    async with bench_environment() as env, client() as clients:
        for system in env.systems:
            await system.start_api()
            system.start_worker()
            await clients.call("idle", port=system.port, path=EXECUTE, body=ORDER, count=WARM_UP, caller=system.caller)
        for _ in range(plan.rounds):
            for system in env.systems:
                await system.empty()
                seen = await clients.call(
                    "idle", port=system.port, path=EXECUTE, body=ORDER, count=count, caller=system.caller
                )
                await check_orders(system, count)
                middle.add(system.name, seen["p50_ms"])
                slowest.add(system.name, seen["p99_ms"])
                print(f"    {system.name}: p50 {seen['p50_ms']:.2f} ms, p99 {seen['p99_ms']:.2f} ms", flush=True)
    return Result([middle, slowest])
