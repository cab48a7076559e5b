"""Ten thousand sockets on one API process, an order each; the process is killed, and all come back.

While it is gone, each order moves on in the book as if a worker had taken it and been lost: nobody announces that, so
what a client is told when it comes back, from where it was, is what makes it "resumed". Then a worker runs them all.
"""

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from typing import Any

from tests.bench.client import Client, client
from tests.bench.processes import memory_mib
from tests.bench.rows import EXECUTE, ORDER, Found, Plan, must
from tests.bench.stacks import Side, machine
from tests.bench.table import TableRow, Target

SOCKETS = 10_000
CLIENTS = 2
SETTLE = 1.5

MOVED_ON = """
WITH moved AS (UPDATE orders SET seq = 3, attempt = 1 WHERE status = 'pending' RETURNING id)
INSERT INTO order_events (order_id, seq, status, attempt, at)
SELECT id, seq, status, 1, now() FROM moved, (VALUES (2, 'routing'), (3, 'pending')) AS told(seq, status)
"""
RESUMED, LAST = 3, 7  # events told when all are back; and in all, once a worker has run them


async def run(plan: Plan) -> Found:
    count = 1_000 if plan.quick else SOCKETS
    each = TableRow(f"{count:,} open sockets, one process: memory of each", "KiB", Target(at_most=40))
    opening = TableRow("… until all are open and told", "s")
    back = TableRow("… API killed, started again: until all are back and resumed", "s", Target(at_most=15))
    served = TableRow(f"… told their whole story, of {count:,}", "", Target(at_least=count))
    async with machine() as here, AsyncExitStack() as closing:
        clients = [await closing.enter_async_context(client()) for _ in range(CLIENTS)]
        for _ in range(1 if plan.quick else min(2, plan.rounds)):
            for side in here.sides:
                await side.empty()
                await side.start_api()
                await fill(clients, side, count)
                await side.stop()  # what it kept of taking ten thousand orders is not what a socket costs
                await side.start_api()
                await asyncio.sleep(SETTLE)
                assert side.api
                before = memory_mib(side.api.pid)
                opened = await all_of(clients, "open")
                await asyncio.sleep(SETTLE)
                each.add(side.name, (memory_mib(side.api.pid) - before) * 1024 / count)
                opening.add(side.name, max(seen["seconds"] for seen in opened))

                await side.end(side.api, signal.SIGKILL)
                await side.db.execute(MOVED_ON)
                began = time.time()
                resumed, _ = await asyncio.gather(all_of(clients, "hear", seq=RESUMED), side.start_api())
                back.add(side.name, max(seen["at"] for seen in resumed) - began)

                side.start_worker()
                ended = await all_of(clients, "hear", seq=LAST, ended=True)
                must(not any(seen["gaps"] for seen in ended), f"the {side.name} left gaps in {ended}")
                served.add(side.name, count)
                print(
                    f"    {side.name}: {each.seen[side.name][-1]:.1f} KiB each, "
                    f"back in {back.seen[side.name][-1]:.1f} s",
                    flush=True,
                )
                await side.stop()
    return Found([each, opening, back, served])


async def fill(clients: list[Client], side: Side, count: int) -> None:
    await all_of(clients, "place", port=side.port, path=EXECUTE, body=ORDER, count=count // len(clients))


async def all_of(clients: list[Client], what: str, **told: object) -> list[dict[str, Any]]:
    return list(await asyncio.gather(*(one.ask(what, **told) for one in clients)))
