"""The measurements: one file per group of rows of the table."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.bench.table import TableRow

ORDER = '{"tokenIn":"SOL","tokenOut":"USDC","amount":1.5}'
EXECUTE = "/api/orders/execute"
IN_FLIGHT = 32


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The extent of a run."""

    rounds: int = 5
    orders: int = 10_000
    quick: bool = False  # a tenth of the work, to see that the benchmark runs


@dataclass(frozen=True)
class Result:
    """The figures of one measurement."""

    rows: list[TableRow]
    cpu: list[TableRow] = field(default_factory=list)  # processor time per order
    notes: list[str] = field(default_factory=list)


Row = Callable[[Plan], Coroutine[Any, Any, Result]]


class InvalidRun(Exception):
    """The run did not do what it should have done, so its figures do not count."""


def require(condition: bool, problem: str) -> None:
    if not condition:
        raise InvalidRun(problem)
