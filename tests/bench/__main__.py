"""`make bench`: measures the engine and its peers in turns on this machine."""

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tests.bench import interpreters, report
from tests.bench.client import ClientFailed
from tests.bench.environment import install_dbos, is_installed
from tests.bench.report import Measurement
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
    machines,
    post,
    scaling,
    second_worker,
    sockets,
    watcher,
)
from tests.bench.table import DBOS, NAMES, PEER

ROWS: dict[str, Row] = {
    "limits": limits.run,
    "post": post.run,
    "flow": flow.run,
    "idle": idle.run,
    "live": live.run,
    "sockets": sockets.run,
    "idle-cpu": idle_cpu.run,
    "watcher": watcher.run,
    "second-worker": second_worker.run,
    "scaling": scaling.run,
    "volume": data_volume.run,
}


# Not on every machine.
EXTRA: dict[str, Row] = {"machines": machines.run}
QUICK = ("post", "flow", "idle")


async def run(names: list[str], plan: Plan) -> list[Measurement]:
    measurements = []
    for name in names:
        began = time.monotonic()
        print(f"{name} …", flush=True)
        try:
            result = await (ROWS | EXTRA)[name](plan)
        except (InvalidRun, ClientFailed, RuntimeError) as error:
            result = Result([], notes=[f"**`{name}` was not measured**: {error}"])
        seconds = time.monotonic() - began
        measurements.append(Measurement(name=name, result=result, rounds=plan.rounds, seconds=seconds))
        print(f"{name}: {seconds:.0f} s", flush=True)
    return measurements


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.bench")
    arguments.add_argument("--only", default="", help=f"rows to run, separated by commas: {', '.join(ROWS | EXTRA)}")
    arguments.add_argument("--rounds", type=int, default=5, help="rounds; engine and peers take turns in each")
    arguments.add_argument(
        "--quick",
        action="store_true",
        help=f"takes a minute: a tenth of the orders, two rounds, only {', '.join(QUICK)}",
    )
    arguments.add_argument(
        "--python", type=Path, help="run all of it on this interpreter, in an environment of its own"
    )
    arguments.add_argument("--install", action="store_true", help="install the DBOS peer, on the same interpreter")
    arguments.add_argument(
        "--write", action="store_true", help="write docs/performance.md; with --only the other rows are kept"
    )
    chosen = arguments.parse_args()
    if chosen.quick and chosen.write:
        arguments.error("--quick measures nothing that could be written")
    if chosen.only and chosen.write and not report.RESULTS.is_file():
        arguments.error("there are no figures of the other rows to keep; run all rows once")
    if chosen.python:
        if not chosen.python.is_file():
            arguments.error(f"no such file: {chosen.python}")
        if chosen.python.resolve() != interpreters.base():
            interpreters.run_with(chosen.python, sys.argv[1:])
    names = chosen.only.split(",") if chosen.only else list(QUICK if chosen.quick else ROWS)
    if unknown := set(names) - set(ROWS | EXTRA):
        arguments.error(f"no such row: {', '.join(sorted(unknown))}")
    plan = Plan(rounds=2, orders=1_000, quick=True) if chosen.quick else Plan(rounds=chosen.rounds)
    if chosen.install:
        install_dbos()
    for peer in (PEER, DBOS):
        if not is_installed(peer):
            print(f"{NAMES[peer]} is left out: it is not installed. `make bench` does that; the Node peer needs node.")
    signal.signal(signal.SIGTERM, interrupted)
    try:
        measurements = asyncio.run(run(names, plan))
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"\n{report.render(measurements, plan)}")
    if chosen.write:
        # A whole run starts afresh: rows of another interpreter may be of older code.
        before = report.saved() if chosen.only else []
        everything = report.merged(before, measurements, list(ROWS))
        report.write(everything, report.render(everything, plan))
    sys.exit(0 if all(one.result.rows for one in measurements) else 1)


def interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
