"""`make bench`: the engine and its peer, in turns, on the servers and the machine that are here."""

import argparse
import asyncio
import signal
import sys
import time
from types import FrameType

from tests.bench import page
from tests.bench.client import ClientFailed
from tests.bench.rows import (
    Found,
    NotSo,
    Plan,
    Row,
    deep,
    flow,
    idle,
    limits,
    live,
    post,
    quiet,
    scaling,
    second,
    sockets,
)
from tests.bench.stacks import peer_is_installed

ROWS: dict[str, Row] = {
    "limits": limits.run,
    "post": post.run,
    "flow": flow.run,
    "idle": idle.run,
    "live": live.run,
    "sockets": sockets.run,
    "quiet": quiet.run,
    "second": second.run,
    "scaling": scaling.run,
    "deep": deep.run,
}


QUICK = ("post", "flow", "idle")


async def run(names: list[str], plan: Plan) -> dict[str, Found]:
    found = {}
    for name in names:
        began = time.monotonic()
        print(f"{name} …", flush=True)
        try:
            found[name] = await ROWS[name](plan)
        except (NotSo, ClientFailed, RuntimeError) as error:
            found[name] = Found([], notes=[f"**`{name}` was not measured**: {error}"])
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.bench")
    arguments.add_argument("--only", default="", help=f"rows, with commas between them: {', '.join(ROWS)}")
    arguments.add_argument("--rounds", type=int, default=5, help="how often each side has its turn")
    arguments.add_argument(
        "--quick", action="store_true", help=f"a minute: a tenth of the orders, two rounds, {', '.join(QUICK)}"
    )
    arguments.add_argument("--write", action="store_true", help="the tables, into docs/performance.md")
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
        found = asyncio.run(run(names, plan))
    except KeyboardInterrupt:
        sys.exit(130)
    told = page.told(found, plan, time.monotonic() - began)
    print(f"\n{told}")
    if chosen.write:
        page.write(told)
    sys.exit(0 if all(row.lines for row in found.values()) else 1)


def interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
