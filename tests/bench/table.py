"""The figures, and how they are told: medians, from the least to the most seen, beside the targets."""

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
        said = [f"≥ {shown(self.at_least)}"] if self.at_least is not None else []
        said += [f"≤ {shown(self.at_most)}"] if self.at_most is not None else []
        said += [f"≥ {self.ratio:g} times the peer"] if self.ratio is not None else []
        return ", ".join(said)


@dataclass
class TableRow:
    """One thing that was measured, a figure per round and side."""

    what: str
    unit: str
    target: Target | None = None
    seen: dict[str, list[float]] = field(default_factory=dict)

    def add(self, side: str, figure: float) -> None:
        self.seen.setdefault(side, []).append(figure)

    def median(self, side: str) -> float | None:
        return statistics.median(self.seen[side]) if side in self.seen else None

    @property
    def ratio(self) -> float | None:
        """Of each round, for its two sides ran one after the other; then the median."""
        pairs = zip(self.seen.get(ENGINE, ()), self.seen.get(PEER, ()), strict=False)
        ratios = [engine / peer for engine, peer in pairs if peer]
        return statistics.median(ratios) if ratios else None

    @property
    def met(self) -> bool | None:
        """None: there was no target, or nothing to hold against it."""
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

    def told(self, side: str) -> str:
        figures = self.seen.get(side)
        if not figures:
            return "-"
        middle = shown(statistics.median(figures))
        return middle if len(figures) == 1 else f"{middle} ({shown(min(figures))} to {shown(max(figures))})"


def shown(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def markdown(lines: Iterable[TableRow]) -> str:
    """Beside the targets."""
    rows = ["| | engine | peer | engine / peer | target | met |", "|---|---|---|---|---|---|"]
    for line in lines:
        met = {True: "yes", False: "**no**", None: "-"}[line.met]
        rows.append(f"| {compared(line)} | {line.target or '-'} | {met} |")
    return "\n".join(rows)


def without_targets(lines: Iterable[TableRow]) -> str:
    rows = ["| | engine | peer | engine / peer |", "|---|---|---|---|"]
    return "\n".join([*rows, *(f"| {compared(line)} |" for line in lines)])


def of_one(lines: Iterable[TableRow], side: str) -> str:
    rows = ["| | seen |", "|---|---|"]
    return "\n".join([*rows, *(f"| {named(line)} | {line.told(side)} |" for line in lines)])


def compared(line: TableRow) -> str:
    ratio = "-" if line.ratio is None else f"{line.ratio:.2f}"
    return " | ".join([named(line), line.told(ENGINE), line.told(PEER), ratio])


def named(line: TableRow) -> str:
    return f"{line.what}, {line.unit}" if line.unit else line.what
