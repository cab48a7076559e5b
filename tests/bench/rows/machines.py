"""Throughput with n machines of one API process and one worker each, on one Postgres. All are small: a part of a core.

Redis and the load tool have what is left of this machine, so they are the limit of nothing.
"""

from tests.bench.client import client
from tests.bench.costs import check_orders
from tests.bench.environment import bench_environment
from tests.bench.machine import machines
from tests.bench.rows import Plan, Result
from tests.bench.rows.flow import LAST_END, ended, place
from tests.bench.rows.scaling import start, stop
from tests.bench.table import ENGINE, TableRow

COUNTS = (1, 2, 4, 6)
POSTGRES, MACHINE = 0.4, 0.1  # of a core
ORDERS = 1_000
WARM_UP = 200


async def run(plan: Plan) -> Result:
    orders = ORDERS // 10 if plan.quick else ORDERS
    rates = {n: TableRow(f"POST → confirmed, {n} machines of {MACHINE} cores", "orders/s") for n in COUNTS}
    used = {n: TableRow(f"… of its {POSTGRES} cores Postgres used", "%") for n in COUNTS}
    async with bench_environment(peers=()) as env, client() as clients:
        system = env.engine
        for _ in range(plan.rounds):
            for n in COUNTS:
                await system.empty()
                apis = await start(system, n)
                await place(clients, system, WARM_UP)
                await ended(system, WARM_UP)
                with machines(POSTGRES) as [server], machines(MACHINE, n) as small:
                    server.run(system.servers[0])
                    for machine, api, worker in zip(small, [*apis, system.api], system.workers, strict=True):
                        assert api
                        machine.run(api.pid, worker.pid)
                    before = server.seconds()
                    began_at = await place(clients, system, orders)
                    await ended(system, WARM_UP + orders)
                    seconds = await system.db.fetchval(LAST_END) - began_at
                    used[n].add(ENGINE, 100 * (server.seconds() - before) / seconds / POSTGRES)
                rates[n].add(ENGINE, orders / seconds)
                await check_orders(system, WARM_UP + orders)
                await stop(system, apis)
            print("    " + ", ".join(f"{rate.seen[ENGINE][-1]:,.0f}" for rate in rates.values()), flush=True)
    return Result([row for n in COUNTS for row in (rates[n], used[n])])
