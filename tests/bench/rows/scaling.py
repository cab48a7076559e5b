"""Throughput with 1, 2 and 4 API processes and as many workers, on one Postgres and one Redis."""

import asyncio
import signal
import subprocess
import time

from tests.bench.client import client
from tests.bench.costs import check_orders
from tests.bench.environment import bench_environment
from tests.bench.rows import InvalidRun, Plan, Result
from tests.bench.rows.flow import LAST_END, ended, place
from tests.bench.systems import System
from tests.bench.table import ENGINE, TableRow

PROCESSES = (1, 2, 4)
START_SECONDS = 30.0
WARM_UP = 500


async def run(plan: Plan) -> Result:
    rates = {n: TableRow(f"POST → confirmed, {n} API and {n} worker", "orders/s") for n in PROCESSES}
    async with bench_environment(peers=()) as env, client() as clients:
        system = env.engine
        for _ in range(plan.rounds):
            for n, rate in rates.items():
                await system.empty()
                apis = await start(system, n)
                await place(clients, system, WARM_UP)
                await ended(system, WARM_UP)
                began_at = await place(clients, system, plan.orders)
                await ended(system, WARM_UP + plan.orders)
                await check_orders(system, WARM_UP + plan.orders)
                rate.add(ENGINE, plan.orders / (await system.db.fetchval(LAST_END) - began_at))
                await stop(system, apis)
            print("    " + ", ".join(f"{rate.seen[ENGINE][-1]:,.0f}" for rate in rates.values()), flush=True)
    return Result(list(rates.values()))


async def stop(system: System, others: list[subprocess.Popen[bytes]]) -> None:
    await system.stop()
    for api in others:
        await system.end(api, signal.SIGTERM)


async def start(system: System, n: int) -> list[subprocess.Popen[bytes]]:
    """Start this many of each, all on one listening socket. Return the APIs that `system.stop()` does not end."""
    apis = []
    for _ in range(n):
        await system.start_api()
        assert system.api
        apis.append(system.api)
        system.start_worker()
    deadline = time.monotonic() + START_SECONDS
    while [len(await system.redis.keys("engine:api:*")), await system.redis.zcard("engine:workers")] != [n, n]:
        if time.monotonic() > deadline:
            raise InvalidRun(f"not all of {n} processes of each kind have started")
        await asyncio.sleep(0.05)
    return apis[:-1]
