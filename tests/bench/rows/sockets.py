"""Ten thousand sockets on one API process, an order each. The process is killed, and all clients reconnect.

Meanwhile each order gets two more events in Postgres, as if a worker had taken it and had been lost. They are not
published: a client has "resumed" when it received them as a replay. Then a worker executes all orders.
"""

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from typing import Any

from tests.bench.client import Client, client
from tests.bench.environment import bench_environment
from tests.bench.processes import memory_mib
from tests.bench.rows import EXECUTE, ORDER, Plan, Result, require
from tests.bench.systems import System
from tests.bench.table import TableRow, Target

SOCKETS = 10_000
CLIENTS = 2
SETTLE = 1.5

MOVED_ON = """
WITH moved AS (UPDATE orders SET seq = 3, attempt = 1 WHERE status = 'pending' RETURNING id)
INSERT INTO order_events (order_id, seq, status, attempt, at)
SELECT id, seq, status, 1, now() FROM moved, (VALUES (2, 'routing'), (3, 'pending')) AS added(seq, status)
"""
RESUMED, LAST = 3, 7  # number of the last event after the reconnect, and after a worker has executed the orders


async def run(plan: Plan) -> Result:
    count = 1_000 if plan.quick else SOCKETS
    each = TableRow(f"{count:,} open sockets, one process: memory of each", "KiB", Target(at_most=20))
    opening = TableRow("… until all are open and have their first event", "s")
    back = TableRow("… API killed, started again: until all are back and resumed", "s", Target(at_most=4))
    served = TableRow(f"… received all events, of {count:,}", "", Target(at_least=count))
    async with bench_environment() as env, AsyncExitStack() as closing:
        clients = [await closing.enter_async_context(client()) for _ in range(CLIENTS)]
        for _ in range(1 if plan.quick else min(2, plan.rounds)):
            for system in env.systems:
                await system.empty()
                await system.start_api()
                await fill(clients, system, count)
                await system.stop()  # memory left over from placing ten thousand orders must not count
                await system.start_api()
                await asyncio.sleep(SETTLE)
                assert system.api
                before = memory_mib(system.api.pid)
                opened = await all_of(clients, "open")
                await asyncio.sleep(SETTLE)
                each.add(system.name, (memory_mib(system.api.pid) - before) * 1024 / count)
                opening.add(system.name, max(seen["seconds"] for seen in opened))

                await system.end(system.api, signal.SIGKILL)
                await system.db.execute(MOVED_ON)
                began = time.time()
                resumed, _ = await asyncio.gather(all_of(clients, "wait", seq=RESUMED), system.start_api())
                back.add(system.name, max(seen["at"] for seen in resumed) - began)

                system.start_worker()
                ended = await all_of(clients, "wait", seq=LAST, ended=True)
                require(not any(seen["gaps"] for seen in ended), f"the {system.name} left gaps in {ended}")
                served.add(system.name, count)
                print(
                    f"    {system.name}: {each.seen[system.name][-1]:.1f} KiB each, "
                    f"back in {back.seen[system.name][-1]:.1f} s",
                    flush=True,
                )
                await system.stop()
    return Result([each, opening, back, served])


async def fill(clients: list[Client], system: System, count: int) -> None:
    each = count // len(clients)
    await all_of(clients, "place", port=system.port, path=EXECUTE, body=ORDER, count=each, caller=system.caller)


async def all_of(clients: list[Client], what: str, **arguments: object) -> list[dict[str, Any]]:
    return list(await asyncio.gather(*(one.call(what, **arguments) for one in clients)))
