"""The figures as tables: the median, in brackets the smallest and the largest, beside the targets."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

ENGINE, PEER = "engine", "peer"


@dataclass(frozen=True, kw_only=True)
class Target:
    at_least: float | None = None
    at_most: float | None = None
    ratio: float | None = None  # engine to peer, at least

    def __str__(self) -> str:
        limits = [f"≥ {number(self.at_least)}"] if self.at_least is not None else []
        limits += [f"≤ {number(self.at_most)}"] if self.at_most is not None else []
        limits += [f"≥ {self.ratio:g} times the peer"] if self.ratio is not None else []
        return ", ".join(limits)


@dataclass
class TableRow:
    """One measured quantity, with a figure per round and system."""

    what: str
    unit: str
    target: Target | None = None
    seen: dict[str, list[float]] = field(default_factory=dict)

    def add(self, system: str, figure: float) -> None:
        self.seen.setdefault(system, []).append(figure)

    def median(self, system: str) -> float | None:
        return statistics.median(self.seen[system]) if system in self.seen else None

    @property
    def ratio(self) -> float | None:
        """The median of each round's ratio: the two systems of a round ran one after the other."""
        pairs = zip(self.seen.get(ENGINE, ()), self.seen.get(PEER, ()), strict=False)
        ratios = [engine / peer for engine, peer in pairs if peer]
        return statistics.median(ratios) if ratios else None

    @property
    def met(self) -> bool | None:
        """None without a target, or without a figure to compare with it."""
        median = self.median(ENGINE)
        if self.target is None or median is None:
            return None
        verdicts = []
        if self.target.at_least is not None:
            verdicts.append(median >= self.target.at_least)
        if self.target.at_most is not None:
            verdicts.append(median <= self.target.at_most)
        if self.target.ratio is not None:
            if self.ratio is None:  # the peer did not run
                return None
            verdicts.append(self.ratio >= self.target.ratio)
        return all(verdicts)

    def cell(self, system: str) -> str:
        figures = self.seen.get(system)
        if not figures:
            return "-"
        middle = number(statistics.median(figures))
        return middle if len(figures) == 1 else f"{middle} ({number(min(figures))} to {number(max(figures))})"


def number(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def markdown(rows: Iterable[TableRow]) -> str:
    """Engine, peer and targets."""
    lines = ["| | engine | peer | engine / peer | target | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        met = {True: "yes", False: "**no**", None: "-"}[row.met]
        lines.append(f"| {comparison(row)} | {row.target or '-'} | {met} |")
    return "\n".join(lines)


def without_targets(rows: Iterable[TableRow]) -> str:
    lines = ["| | engine | peer | engine / peer |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {comparison(row)} |" for row in rows)])


def single_column(rows: Iterable[TableRow], system: str) -> str:
    lines = ["| | measured |", "|---|---|"]
    return "\n".join([*lines, *(f"| {label(row)} | {row.cell(system)} |" for row in rows)])


def comparison(row: TableRow) -> str:
    ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
    return " | ".join([label(row), row.cell(ENGINE), row.cell(PEER), ratio])


def label(row: TableRow) -> str:
    return f"{row.what}, {row.unit}" if row.unit else row.what
