"""`make chaos`: runs the whole battery, prints its table and writes it into docs/reliability.md."""

import argparse
import asyncio
import os
import platform
import random
import sys
import time
import traceback
from datetime import date

from tests.chaos.battery import FAULTS
from tests.chaos.environment import CLONE, chaos_environment

PAGE = CLONE / "docs" / "reliability.md"
BEGIN, END = "<!-- battery: begin -->", "<!-- battery: end -->"


async def run(seed: int, only: list[str]) -> list[tuple[str, str, bool, float]]:
    rows = []
    async with chaos_environment() as env:
        for title, fault in FAULTS.items():
            if not any(words in title for words in only):
                continue
            began = time.monotonic()
            try:
                figure, clean = await fault(env, random.Random(f"{seed}/{title}"))
            except Exception as error:  # the other rows run all the same
                traceback.print_exc()
                figure, clean = f"{type(error).__name__}: {error}", False
            rows.append((title, figure, clean, time.monotonic() - began))
            print(f"{'ok ' if clean else 'RED'} {rows[-1][3]:6.1f} s  {title}: {figure}", flush=True)
    return rows


def table(seed: int, rows: list[tuple[str, str, bool, float]]) -> str:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    lines = [
        f"Measured on {date.today()} on {machine}; seed {seed}; `make chaos`.",
        "",
        "| fault | result |",
        "|---|---|",
    ]
    for title, figure, clean, _ in rows:
        lines.append(f"| {title} | {figure if clean else f'**red**: {figure.splitlines()[0]}'} |")
    return "\n".join(lines)


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.chaos")
    arguments.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="repeats a run that was red")
    arguments.add_argument(
        "--only", action="append", help="run only the faults whose title contains this; may be repeated"
    )
    arguments.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    chosen = arguments.parse_args()
    print(f"seed {chosen.seed}", flush=True)
    rows = asyncio.run(run(chosen.seed, chosen.only or [""]))
    if chosen.write:
        text = PAGE.read_text()
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        PAGE.write_text(f"{head}{BEGIN}\n{table(chosen.seed, rows)}\n{END}{tail}")
    sys.exit(0 if all(clean for _, _, clean, _ in rows) else 1)


if __name__ == "__main__":
    main()
