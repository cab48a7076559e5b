"""A thousand live orders with a socket each: the time from the commit of an event until a client receives it.

Postgres records the commit time itself (`track_commit_timestamp`, only in this row), just before the commit is flushed
to disk. Both times are of one clock, so the figure holds the flush, the answer to the worker, Redis, the API, and the
client's own reading. Events replayed when a socket opens are left out.
"""

from uuid import UUID

from tests.bench.client import client
from tests.bench.environment import bench_environment
from tests.bench.load import percentile
from tests.bench.rows import EXECUTE, ORDER, Plan, Result, require
from tests.bench.systems import System
from tests.bench.table import TableRow, Target

LIVE_ORDERS = 1_000
SECONDS = 15.0
SETTINGS = {
    "MOCK_QUOTE_MS": "200",
    "MOCK_EXECUTION_MS_MIN": "5000",
    "MOCK_EXECUTION_MS_MAX": "10000",
    "WORKER_CONCURRENCY": str(LIVE_ORDERS),
}
COMMITTED = """
SELECT order_id, seq, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
  FROM order_events WHERE order_id = ANY($1::uuid[])
"""


async def run(plan: Plan) -> Result:
    slowest = TableRow("event committed → received by a socket, 1,000 orders live, p99", "ms", Target(ratio_at_most=1))
    middle = TableRow("… p50", "ms")
    pace = TableRow("… events received meanwhile", "per second")
    rounds = 1 if plan.quick else min(plan.rounds, 2)
    async with bench_environment(commit_times=True) as env, client() as clients:
        for _ in range(rounds):
            for system in env.systems:
                await system.empty()
                await system.start_api(**SETTINGS)
                system.start_worker(**SETTINGS)
                seen = await clients.call(
                    "live",
                    port=system.port,
                    path=EXECUTE,
                    body=ORDER,
                    orders=LIVE_ORDERS,
                    seconds=SECONDS,
                    caller=system.caller,
                )
                require(seen["cut"] == 0, f"the {system.name} refused or cut {seen['cut']} callers")
                require(
                    seen["min_live"] > LIVE_ORDERS * 0.8, f"the {system.name} had only {seen['min_live']} orders live"
                )
                delays = await delays_of(system, seen["received"])
                slowest.add(system.name, percentile(delays, 99) * 1000)
                middle.add(system.name, percentile(delays, 50) * 1000)
                pace.add(system.name, len(delays) / SECONDS)
                print(
                    f"    {system.name}: {len(delays)} events, p99 {slowest.seen[system.name][-1]:.1f} ms", flush=True
                )
                await system.stop()
    return Result([slowest, middle, pace])


async def delays_of(system: System, received: list[tuple[str, int, float]]) -> list[float]:
    require(len(received) > 0, f"no event was received from the {system.name}")
    rows = await system.db.fetch(COMMITTED, list({UUID(order) for order, _, _ in received}))
    committed = {(str(row["order_id"]), row["seq"]): row["at"] for row in rows}
    return [at - committed[order, seq] for order, seq, at in received]
