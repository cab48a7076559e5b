"""Nothing to do, then one order: how soon is its first step heard?"""

from tests.bench.client import client
from tests.bench.costs import holds
from tests.bench.rows import EXECUTE, ORDER, Found, Plan
from tests.bench.stacks import machine
from tests.bench.table import TableRow, Target

COUNT = 500
WARM_UP = 100


async def run(plan: Plan) -> Found:
    middle = TableRow("idle: POST sent → `routing` on an open socket, p50", "ms", Target(at_most=3))
    slowest = TableRow("… p99", "ms", Target(at_most=6))
    count = COUNT // 5 if plan.quick else COUNT
    async with machine() as here, client() as clients:
        for side in here.sides:
            await side.start_api()
            side.start_worker()
            await clients.ask("idle", port=side.port, path=EXECUTE, body=ORDER, count=WARM_UP)
        for _ in range(plan.rounds):
            for side in here.sides:
                await side.empty()
                seen = await clients.ask("idle", port=side.port, path=EXECUTE, body=ORDER, count=count)
                await holds(side, count)
                middle.add(side.name, seen["p50_ms"])
                slowest.add(side.name, seen["p99_ms"])
                print(f"    {side.name}: p50 {seen['p50_ms']:.2f} ms, p99 {seen['p99_ms']:.2f} ms", flush=True)
    return Found([middle, slowest])
