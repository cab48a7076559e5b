"""Processor time of all processes of an idle `engine up`."""

import asyncio
import tempfile
import time
from pathlib import Path

from app.local import state
from tests.acceptance.stack import Stack
from tests.bench.processes import cpu
from tests.bench.rows import Plan, Result
from tests.bench.table import ENGINE, TableRow, Target

SETTLE = 10.0
SECONDS = 30.0


async def run(plan: Plan) -> Result:
    share = TableRow("idle processor time of `engine up`, all processes", "% of a core", Target(at_most=1))
    await asyncio.to_thread(watch, share, SECONDS / 10 if plan.quick else SECONDS)
    return Result([share])


def watch(share: TableRow, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="engine-bench-") as made:
        Path(made).chmod(0o711)  # started by root, the servers run under another account
        home = Path(made) / "home"
        home.mkdir(mode=0o711)
        stack = Stack(home)
        try:
            stack.up()
            time.sleep(SETTLE)
            running = state.read(home)
            assert running
            top = running.supervisor
            before, began = cpu(top), time.monotonic()
            time.sleep(seconds)
            share.add(ENGINE, (cpu(top) - before) / (time.monotonic() - began) * 100)
        finally:
            stack.close()
