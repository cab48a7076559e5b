"""Changes of many rows, of all owners, in one statement: a row that fails does not stop the others.

The rows are halved until the bad one is alone. Watchers name it in the log and leave it out for a minute.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from app.postgres.errors import DatabaseUnavailable

Key = TypeVar("Key")
Row = TypeVar("Row")
Result = TypeVar("Result")

log = logging.getLogger("engine.watcher")

LEFT_OUT_SECONDS = 60.0


class LeftOut(Generic[Key]):
    """The rows that failed, of one kind."""

    def __init__(self) -> None:
        self._until: dict[Key, float] = {}

    def ids(self) -> list[Key]:
        """Not to be selected."""
        now = time.monotonic()
        self._until = {row: until for row, until in self._until.items() if until > now}
        return list(self._until)

    async def change(
        self,
        rows: Sequence[Row],
        change: Callable[[Sequence[Row]], Awaitable[list[Result]]],
        *,
        key: Callable[[Row], Key],
    ) -> list[Result]:
        """What `change` returns for the rows that do not fail."""

        def failed(row: Row) -> None:
            self._until[key(row)] = time.monotonic() + LEFT_OUT_SECONDS
            log.exception("a row could not be changed, and is left out", extra={"row": str(key(row))})

        return await change_each(rows, change, failed)


async def change_each(
    rows: Sequence[Row], change: Callable[[Sequence[Row]], Awaitable[list[Result]]], failed: Callable[[Row], None]
) -> list[Result]:
    """What `change` returns for the rows that do not fail. `failed` is called for the others, with their exception."""
    if not rows:
        return []
    try:
        return await change(rows)
    except DatabaseUnavailable:
        raise
    except Exception:
        if len(rows) == 1:
            failed(rows[0])
            return []
    half = len(rows) // 2
    return [*await change_each(rows[:half], change, failed), *await change_each(rows[half:], change, failed)]
