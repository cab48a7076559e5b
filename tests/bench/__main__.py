"""`make bench`: measures the engine and its peer in turns on this machine."""

import argparse
import asyncio
import signal
import sys
import time
from types import FrameType

from tests.bench import report
from tests.bench.client import ClientFailed
from tests.bench.rows import (
    InvalidRun,
    Plan,
    Result,
    Row,
    data_volume,
    flow,
    idle,
    idle_cpu,
    limits,
    live,
    post,
    scaling,
    second_worker,
    sockets,
)
from tests.bench.systems import peer_is_installed

ROWS: dict[str, Row] = {
    "limits": limits.run,
    "post": post.run,
    "flow": flow.run,
    "idle": idle.run,
    "live": live.run,
    "sockets": sockets.run,
    "idle-cpu": idle_cpu.run,
    "second-worker": second_worker.run,
    "scaling": scaling.run,
    "volume": data_volume.run,
}


QUICK = ("post", "flow", "idle")


async def run(names: list[str], plan: Plan) -> dict[str, Result]:
    results = {}
    for name in names:
        began = time.monotonic()
        print(f"{name} …", flush=True)
        try:
            results[name] = await ROWS[name](plan)
        except (InvalidRun, ClientFailed, RuntimeError) as error:
            results[name] = Result([], notes=[f"**`{name}` was not measured**: {error}"])
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    return results


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.bench")
    arguments.add_argument("--only", default="", help=f"rows to run, separated by commas: {', '.join(ROWS)}")
    arguments.add_argument("--rounds", type=int, default=5, help="rounds; engine and peer take turns in each")
    arguments.add_argument(
        "--quick",
        action="store_true",
        help=f"takes a minute: a tenth of the orders, two rounds, only {', '.join(QUICK)}",
    )
    arguments.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    chosen = arguments.parse_args()
    names = chosen.only.split(",") if chosen.only else list(QUICK if chosen.quick else ROWS)
    if unknown := set(names) - set(ROWS):
        arguments.error(f"no such row: {', '.join(sorted(unknown))}")
    plan = Plan(rounds=2, orders=1_000, quick=True) if chosen.quick else Plan(rounds=chosen.rounds)
    if not peer_is_installed():
        print("The peer is not installed (node, then `npm ci --prefix tests/bench/peer`): the engine runs alone.")
    signal.signal(signal.SIGTERM, interrupted)
    began = time.monotonic()
    try:
        results = asyncio.run(run(names, plan))
    except KeyboardInterrupt:
        sys.exit(130)
    text = report.render(results, plan, time.monotonic() - began)
    print(f"\n{text}")
    if chosen.write:
        report.write(text)
    sys.exit(0 if all(result.rows for result in results.values()) else 1)


def interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
