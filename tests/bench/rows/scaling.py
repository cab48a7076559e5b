"""As many API processes as workers, on one Postgres and one Redis: what do 1, 2 and 4 of each bring?"""

import asyncio
import signal
import subprocess
import time

from tests.bench.client import client
from tests.bench.costs import holds
from tests.bench.rows import Found, NotSo, Plan
from tests.bench.rows.flow import LAST_END, ended, place
from tests.bench.stacks import Side, machine
from tests.bench.table import ENGINE, TableRow

PROCESSES = (1, 2, 4)
START_SECONDS = 30.0
WARM_UP = 500


async def run(plan: Plan) -> Found:
    rates = {n: TableRow(f"POST → confirmed, {n} API and {n} worker", "orders/s") for n in PROCESSES}
    async with machine(with_peer=False) as here, client() as clients:
        side = here.engine
        for _ in range(plan.rounds):
            for n, rate in rates.items():
                await side.empty()
                apis = await start(side, n)
                await place(clients, side, WARM_UP)
                await ended(side, WARM_UP)
                began_at = await place(clients, side, plan.orders)
                await ended(side, WARM_UP + plan.orders)
                await holds(side, WARM_UP + plan.orders)
                rate.add(ENGINE, plan.orders / (await side.db.fetchval(LAST_END) - began_at))
                await side.stop()
                for api in apis:
                    await side.end(api, signal.SIGTERM)
            print("    " + ", ".join(f"{rate.seen[ENGINE][-1]:,.0f}" for rate in rates.values()), flush=True)
    return Found(list(rates.values()))


async def start(side: Side, n: int) -> list[subprocess.Popen[bytes]]:
    """So many of each, all on the one listening socket; the APIs beyond the one that `side` ends."""
    apis = []
    for _ in range(n):
        await side.start_api()
        assert side.api
        apis.append(side.api)
        side.start_worker()
    deadline = time.monotonic() + START_SECONDS
    while [len(await side.redis.keys("engine:api:*")), await side.redis.zcard("engine:workers")] != [n, n]:
        if time.monotonic() > deadline:
            raise NotSo(f"not all of {n} processes of each kind have started")
        await asyncio.sleep(0.05)
    return apis[:-1]
