"""A thousand orders alive, a socket on each: how long after its commit is an event heard?

Postgres itself notes when a transaction was committed (`track_commit_timestamp`, here only): the moment before its
record goes to the disk. From there to the client it is one clock, so the figure holds the flush, the answer to the
worker, Redis, the API, and the client's own reading. What a socket is told of the past when it opens is left out.
"""

from uuid import UUID

from tests.bench.client import client
from tests.bench.load import percentile
from tests.bench.rows import EXECUTE, ORDER, Found, Plan, must
from tests.bench.stacks import Side, machine
from tests.bench.table import TableRow, Target

ALIVE = 1_000
SECONDS = 15.0
LIVELY = {
    "MOCK_QUOTE_MS": "200",
    "MOCK_EXECUTION_MS_MIN": "5000",
    "MOCK_EXECUTION_MS_MAX": "10000",
    "WORKER_CONCURRENCY": str(ALIVE),
}
COMMITTED = """
SELECT order_id, seq, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
  FROM order_events WHERE order_id = ANY($1::uuid[])
"""


async def run(plan: Plan) -> Found:
    slowest = TableRow("event committed → received by a socket, 1,000 orders live, p99", "ms", Target(at_most=5))
    middle = TableRow("… p50", "ms")
    pace = TableRow("… events heard meanwhile", "per second")
    rounds = 1 if plan.quick else min(plan.rounds, 2)
    async with machine(commit_times=True) as here, client() as clients:
        for _ in range(rounds):
            for side in here.sides:
                await side.empty()
                await side.start_api(**LIVELY)
                side.start_worker(**LIVELY)
                seen = await clients.ask("live", port=side.port, path=EXECUTE, body=ORDER, alive=ALIVE, seconds=SECONDS)
                must(seen["cut"] == 0, f"the {side.name} refused or cut {seen['cut']} callers")
                must(seen["least_alive"] > ALIVE * 0.8, f"the {side.name} had only {seen['least_alive']} orders live")
                delays = await delays_of(side, seen["heard"])
                slowest.add(side.name, percentile(delays, 99) * 1000)
                middle.add(side.name, percentile(delays, 50) * 1000)
                pace.add(side.name, len(delays) / SECONDS)
                print(f"    {side.name}: {len(delays)} events, p99 {slowest.seen[side.name][-1]:.1f} ms", flush=True)
                await side.stop()
    return Found([slowest, middle, pace])


async def delays_of(side: Side, heard: list[tuple[str, int, float]]) -> list[float]:
    must(len(heard) > 0, f"nothing was heard of the {side.name}")
    rows = await side.db.fetch(COMMITTED, list({UUID(order) for order, _, _ in heard}))
    committed = {(str(row["order_id"]), row["seq"]): row["at"] for row in rows}
    return [at - committed[order, seq] for order, seq, at in heard]
