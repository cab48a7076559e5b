"""POST accepted and durable: throughput of one API process. No worker runs.

The engine runs as in production: each connection has one of several keys, and all limits count. A second API process of
it, which takes its turn, runs without keys and limits, to see what they cost.
"""

from dataclasses import replace

from app.server.listener import LISTEN_FD_VARIABLE
from tests.bench.client import Client, client
from tests.bench.costs import Costs, check_orders
from tests.bench.environment import bench_environment, free_port
from tests.bench.rows import EXECUTE, IN_FLIGHT, ORDER, Plan, Result, require
from tests.bench.systems import LIMITS_OFF, System
from tests.bench.table import TableRow, Target

WARM_UP = 2_000


class Posts:
    """The rows of one way to run the engine."""

    def __init__(self, how: str, rate: Target | None = None, slowest: Target | None = None) -> None:
        self.how = how
        self.rate = TableRow(f"POST accepted and durable, 32 in flight, {how}", "orders/s", rate)
        self.middle = TableRow("… answered, p50", "ms")
        self.slowest = TableRow("… answered, p99", "ms", slowest)
        self.costs, self.tool = Costs(f"POST, {how}"), TableRow(f"POST, {how}: load tool", "µs")

    async def measure(self, system: System, clients: Client, count: int) -> None:
        await system.empty()
        before = self.costs.before(system)
        seen = await clients.call(
            "post",
            port=system.port,
            path=EXECUTE,
            body=ORDER,
            count=count,
            in_flight=IN_FLIGHT,
            callers=system.callers,
        )
        self.costs.after(system, before, count)
        require(seen["statuses"] == {"202": count}, f"the {system.name} answered {seen['statuses']}")
        await check_orders(system, count, "pending")
        self.rate.add(system.name, seen["per_second"])
        self.middle.add(system.name, seen["p50_ms"])
        self.slowest.add(system.name, seen["p99_ms"])
        self.tool.add(system.name, seen["cpu_us"])
        print(
            f"    {system.name}, {self.how}: {seen['per_second']:,.0f} orders/s, p99 {seen['p99_ms']:.1f} ms",
            flush=True,
        )


async def run(plan: Plan) -> Result:
    on = Posts("keys and limits on", Target(ratio_at_least=1.25), Target(ratio_at_most=1))
    off = Posts("keys and limits off")
    async with bench_environment() as env, client() as clients:
        turns = [(on, system) for system in env.systems] + [(off, without_limits(env.engine))]
        for _, system in turns:
            await system.start_api()
            await warm_up(system, clients)
        for _ in range(plan.rounds):
            for how, system in turns:
                await how.measure(system, clients, plan.orders)
    rows, costs = [], []
    for how in (on, off):
        rows += [how.rate, how.middle, how.slowest]
        costs += [*how.costs.rows(["API", "Postgres", "Redis", "all"]), how.tool]
    return Result(rows, costs)


def without_limits(engine: System) -> System:
    """Another API process of the same engine, on a port of its own."""
    environment = {name: value for name, value in engine.environment.items() if name != LISTEN_FD_VARIABLE}
    port = free_port()
    environment |= LIMITS_OFF | {"PORT": str(port)}
    return replace(engine, environment=environment, port=port, callers=[], inherits=(), workers=[])


async def warm_up(system: System, clients: Client) -> None:
    await clients.call(
        "post", port=system.port, path=EXECUTE, body=ORDER, count=WARM_UP, in_flight=IN_FLIGHT, callers=system.callers
    )
