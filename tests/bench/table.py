"""The figures as tables: the median, in brackets the smallest and the largest, beside the targets."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

ENGINE, PEER, DBOS = "engine", "peer", "dbos"
NAMES = {ENGINE: "engine", PEER: "Node peer", DBOS: "DBOS"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """Limits of the engine's median, and of the median of its ratios to the other system."""

    at_least: float | None = None
    at_most: float | None = None
    ratio_at_least: float | None = None
    ratio_at_most: float | None = None

    def __str__(self) -> str:
        limits = [(self.at_least, "≥ ", ""), (self.at_most, "≤ ", "")]
        limits += [(self.ratio_at_least, "≥ ", " times"), (self.ratio_at_most, "≤ ", " times")]
        return ", ".join(f"{sign}{number(limit)}{times}" for limit, sign, times in limits if limit is not None)


@dataclass
class TableRow:
    """One measured quantity, with a figure per round and system."""

    what: str
    unit: str
    target: Target | None = None
    seen: dict[str, list[float]] = field(default_factory=dict)
    other: str = PEER  # the system that the engine is compared with

    def add(self, system: str, figure: float) -> None:
        self.seen.setdefault(system, []).append(figure)

    def median(self, system: str) -> float | None:
        return statistics.median(self.seen[system]) if system in self.seen else None

    @property
    def ratio(self) -> float | None:
        """The median of each round's ratio: the two systems of a round ran one after the other."""
        pairs = zip(self.seen.get(ENGINE, ()), self.seen.get(self.other, ()), strict=False)
        ratios = [engine / other for engine, other in pairs if other]
        return statistics.median(ratios) if ratios else None

    @property
    def met(self) -> bool | None:
        """None without a target, or without a figure to compare with it."""
        target, median, ratio = self.target, self.median(ENGINE), self.ratio
        if target is None or median is None:
            return None
        compared = [(median, target.at_least, target.at_most), (ratio, target.ratio_at_least, target.ratio_at_most)]
        verdicts = []
        for figure, least, most in compared:
            if least is None and most is None:
                continue
            if figure is None:  # the other system did not run
                return None
            verdicts.append((least is None or figure >= least) and (most is None or figure <= most))
        return all(verdicts)

    def cell(self, system: str) -> str:
        figures = self.seen.get(system)
        if not figures:
            return "-"
        middle = number(statistics.median(figures))
        return middle if len(figures) == 1 else f"{middle} ({number(min(figures))} to {number(max(figures))})"

    @property
    def label(self) -> str:
        return f"{self.what}, {self.unit}" if self.unit else self.what

    @property
    def comparison(self) -> str:
        ratio = "-" if self.ratio is None else f"{self.ratio:.2f}"
        return " | ".join([self.label, self.cell(ENGINE), self.cell(self.other), ratio])

    @staticmethod
    def from_json(saved: dict[str, Any]) -> "TableRow":
        target = saved.pop("target")
        return TableRow(**saved, target=target and Target(**target))


def number(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def markdown(rows: Iterable[tuple[str, TableRow]], other: str = PEER) -> str:
    """The rows of each interpreter, with their targets."""
    lines = [
        f"| | Python | engine | {NAMES[other]} | engine / {NAMES[other]} | target | met |",
        "|---|---|---|---|---|---|---|",
    ]
    for python, row in rows:
        met = {True: "yes", False: "**no**", None: "-"}[row.met]
        label, figures = row.comparison.split(" | ", 1)
        lines.append(f"| {label} | {python} | {figures} | {row.target or '-'} | {met} |")
    return "\n".join(lines)


def without_targets(rows: Iterable[tuple[str, TableRow]], other: str = PEER) -> str:
    lines = [f"| | Python | engine | {NAMES[other]} | engine / {NAMES[other]} |", "|---|---|---|---|---|"]
    for python, row in rows:
        label, figures = row.comparison.split(" | ", 1)
        lines.append(f"| {label} | {python} | {figures} |")
    return "\n".join(lines)


def single_column(rows: Iterable[TableRow], system: str) -> str:
    lines = ["| | measured |", "|---|---|"]
    return "\n".join([*lines, *(f"| {row.label} | {row.cell(system)} |" for row in rows)])
