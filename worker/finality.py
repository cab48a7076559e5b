"""Watches that fills on a real chain become final. A `confirmed` block is dropped almost never: that has to be seen.

What to do then is for people to decide, so nothing is changed here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable
from uuid import UUID

from app import metrics
from app.dex.errors import DexError
from app.postgres.errors import DatabaseUnavailable
from worker.confirmation import MAX_PER_QUERY

log = logging.getLogger("engine.finality")

ROUND_SECONDS = 10.0
USUAL_SECONDS = 60.0  # it takes 13 s


@runtime_checkable
class TellsFinality(Protocol):
    async def not_final(self, signatures: Sequence[str]) -> Collection[str]: ...


class Finality:
    def __init__(self, filled: Callable[[float], Awaitable[Mapping[str, UUID]]], chain: TellsFinality) -> None:
        """`filled`: signature → order, of the fills that are older than so many seconds."""
        self._filled = filled
        self._chain = chain
        self._known: set[str] = set()  # final, or told

    async def run(self) -> None:
        while True:
            try:
                await self.round()
            except (DatabaseUnavailable, DexError) as error:
                log.warning("it is not known whether fills are final", extra={"error": type(error).__name__})
            await asyncio.sleep(ROUND_SECONDS)

    async def round(self) -> list[str]:
        """The signatures that should be final and are not; each is told once."""
        orders = await self._filled(USUAL_SECONDS)
        self._known &= orders.keys()
        asked, late = [one for one in orders if one not in self._known], list[str]()
        for start in range(0, len(asked), MAX_PER_QUERY):
            late += await self._chain.not_final(asked[start : start + MAX_PER_QUERY])
        for signature in late:
            metrics.NOT_FINAL.inc()
            log.error("a fill is not final", extra={"order": str(orders[signature]), "txHash": signature})
        self._known |= set(asked)
        return late
