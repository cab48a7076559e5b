"""What is measured: one file per row of the table."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.bench.table import TableRow

ORDER = '{"tokenIn":"SOL","tokenOut":"USDC","amount":1.5}'
EXECUTE = "/api/orders/execute"
IN_FLIGHT = 32


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything."""

    rounds: int = 5
    orders: int = 10_000
    quick: bool = False  # a tenth of it, to see that it works


@dataclass(frozen=True)
class Found:
    """What one row has to tell."""

    lines: list[TableRow]
    processor: list[TableRow] = field(default_factory=list)  # where the time went
    notes: list[str] = field(default_factory=list)


Row = Callable[[Plan], Coroutine[Any, Any, Found]]


class NotSo(Exception):
    """What was measured is not what should have happened: there is no figure."""


def must(true: bool, otherwise: str) -> None:
    if not true:
        raise NotSo(otherwise)
