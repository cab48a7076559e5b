"""The part of PromQL that the alerts and the dashboard use, evaluated over a few scrapes.

An instant selector reads the last scrape, a range selector all of them. A test takes one scrape before a fault and one
during it.
"""

import itertools
import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Value = float | Vector

NAME = "__name__"
WINDOWS = {"s": 1, "m": 60}
TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_:][\w:]*|\d+[smh]|\d+(?:\.\d+)?|[=!]~|[=!<>]=|[-+*/(){}\[\],=<>])')
COMPARE = {"==": operator.eq, "!=": operator.ne, ">": operator.gt, "<": operator.lt}


def _known(of: Callable[[Sequence[float]], float]) -> Callable[[Sequence[float]], float]:
    """As in Prometheus, `min` and `max` ignore NaN unless every value is NaN."""
    return lambda values: of([value for value in values if not math.isnan(value)] or values)


REDUCE: dict[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "min": _known(min),
    "max": _known(max),
    "count": len,
}


@dataclass(frozen=True)
class Scrape:
    """The samples of all targets at one moment; `up` is 1 for each target that answered."""

    at: float
    found: Vector

    @classmethod
    def of(cls, at: float, targets: dict[str, str | None]) -> "Scrape":
        found: Vector = {}
        for job, text in targets.items():
            found[frozenset({(NAME, "up"), ("job", job)})] = float(text is not None)
            for family in text_string_to_metric_families(text or ""):
                for sample in family.samples:
                    found[frozenset({(NAME, sample.name), ("job", job), *sample.labels.items()})] = sample.value
        return cls(at, found)


def evaluate(expression: str, scrapes: Sequence[Scrape]) -> Vector:
    """The result of the expression at the last scrape."""
    parser = _Parser(_tokens(expression), scrapes)
    value = parser.expression(0)
    assert parser.next() == "", f"unexpected input after the expression: {expression}"
    return value if isinstance(value, dict) else {frozenset(): value}


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while rest := text[at:].strip():
        match = TOKEN.match(text, at)
        assert match, f"unknown token: {rest}"
        tokens.append(match[1])
        at = match.end()
    return [*tokens, ""]


LEVELS = ({"or"}, {"and", "unless"}, set(COMPARE), {"+", "-"}, {"*", "/"})
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else float("nan"),
}


class _Parser:
    def __init__(self, tokens: list[str], scrapes: Sequence[Scrape]) -> None:
        self._tokens = tokens
        self._scrapes = scrapes
        self._at = 0

    def next(self) -> str:
        return self._tokens[self._at]

    def take(self, *wanted: str) -> str:
        token = self.next()
        assert not wanted or token in wanted, f"{token} where one of {wanted} was expected"
        self._at += 1
        return token

    def expression(self, level: int) -> Value:
        if level == len(LEVELS):
            return self.atom()
        left = self.expression(level + 1)
        while self.next() in LEVELS[level]:
            left = _combined(self.take(), left, self.expression(level + 1))
        return left

    def atom(self) -> Value:
        token = self.take()
        if token == "(":
            value = self.expression(0)
            self.take(")")
            return value
        if token[0].isdigit():
            return float(token)
        if token in REDUCE:
            return self.aggregate(token)
        if self.next() == "(":
            return self.call(token)
        return _instant(self.selected(token), self.moment())

    def aggregate(self, name: str) -> Vector:
        by = list(self.names()) if self.next() == "by" and self.take() else []
        self.take("(")
        vector = self.expression(0)
        self.take(")")
        assert isinstance(vector, dict)
        groups: dict[Labels, list[float]] = {}
        for labels, value in vector.items():
            groups.setdefault(frozenset(pair for pair in labels if pair[0] in by), []).append(value)
        return {labels: float(REDUCE[name](values)) for labels, values in groups.items()}

    def names(self) -> Iterator[str]:
        self.take("(")
        while (token := self.take()) != ")":
            if token != ",":
                yield token

    def call(self, name: str) -> Value:
        self.take("(")
        value: Value
        match name:
            case "rate" | "increase":
                value = self.risen(per_second=name == "rate")
            case "absent":
                value = {} if self.expression(0) else {frozenset(): 1.0}
            case "vector":
                value = {frozenset(): float(self.take())}
            case "histogram_quantile":
                share = float(self.take())
                self.take(",")
                buckets = self.expression(0)
                assert isinstance(buckets, dict)
                value = _quantiles(share, buckets)
            case _:
                raise AssertionError(f"unknown function: {name}")
        self.take(")")
        return value

    def risen(self, *, per_second: bool) -> Vector:
        """Needs two samples, as in Prometheus: a new series has no increase."""
        wanted = self.selected(self.take())
        self.take("[")
        since = self._scrapes[-1].at - _seconds(self.take())
        self.take("]")
        within = [scrape for scrape in self._scrapes if scrape.at >= since]
        risen: Vector = {}
        for key in within[-1].found:
            samples = [(scrape.at, scrape.found[key]) for scrape in within if key in scrape.found]
            if wanted(key) and len(samples) > 1:
                values = [value for _, value in samples]
                steps = itertools.pairwise(values)
                rise = sum(b - a if b >= a else b for a, b in steps)
                risen[_bare(key)] = rise / (samples[-1][0] - samples[0][0]) if per_second else rise
        return risen

    def selected(self, name: str) -> Callable[[Labels], bool]:
        tests: list[Callable[[dict[str, str]], bool]] = [lambda labels: labels[NAME] == name]
        if self.next() == "{":
            self.take("{")
            while (label := self.take(*())) != "}":
                if label != ",":
                    tests.append(_matcher(label, self.take("=", "!=", "=~", "!~"), self.take()[1:-1]))
        return lambda labels: all(test(dict(labels)) for test in tests)

    def moment(self) -> Vector:
        if self.next() != "offset":
            return self._scrapes[-1].found
        self.take("offset")
        then = self._scrapes[-1].at - _seconds(self.take())
        return next((scrape.found for scrape in reversed(self._scrapes) if scrape.at <= then), {})


def _seconds(text: str) -> int:
    return int(text[:-1]) * WINDOWS[text[-1]]


def _matcher(label: str, how: str, wanted: str) -> Callable[[dict[str, str]], bool]:
    if "~" in how:
        return lambda labels: bool(re.fullmatch(wanted, labels.get(label, ""))) is (how == "=~")
    return lambda labels: (labels.get(label, "") == wanted) is (how == "=")


def _bare(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != NAME)


def _instant(wanted: Callable[[Labels], bool], found: Vector) -> Vector:
    return {_bare(labels): value for labels, value in found.items() if wanted(labels)}


def _combined(sign: str, left: Value, right: Value) -> Value:
    if sign in ("or", "and", "unless"):
        assert isinstance(left, dict)
        assert isinstance(right, dict)
        if sign == "or":
            return right | left
        return {labels: value for labels, value in left.items() if (labels in right) is (sign == "and")}
    if not isinstance(left, dict):
        assert not isinstance(right, dict)
        return ARITHMETIC[sign](left, right)
    others = right if isinstance(right, dict) else dict.fromkeys(left, right)
    pairs = {labels: (value, others[labels]) for labels, value in left.items() if labels in others}
    if sign in COMPARE:
        return {labels: a for labels, (a, b) in pairs.items() if COMPARE[sign](a, b)}
    return {labels: ARITHMETIC[sign](a, b) for labels, (a, b) in pairs.items()}


def _quantiles(share: float, buckets: Vector) -> Vector:
    """The upper bound of the bucket that contains the quantile; Prometheus would interpolate."""
    by_rest: dict[Labels, list[tuple[float, float]]] = {}
    for labels, count in buckets.items():
        rest = frozenset(pair for pair in labels if pair[0] != "le")
        by_rest.setdefault(rest, []).append((float(dict(labels)["le"]), count))
    found: Vector = {}
    for rest, counts in by_rest.items():
        counts.sort()
        if counts[-1][1]:
            found[rest] = next(le for le, count in counts if count >= share * counts[-1][1])
    return found
