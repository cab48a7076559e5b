"""Long reads take turns: each caller has a few at once, and waits for the next without holding a connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from weakref import WeakValueDictionary

AT_ONCE = 2  # fewer than the connections for reads, so that one caller cannot take them all
WAIT_SECONDS = 3.0


class NoTurn(Exception):
    """The caller's earlier reads did not end in time."""


class ReadTurns:
    def __init__(self) -> None:
        self._of_caller: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, caller: str) -> AsyncIterator[None]:
        turns = self._of_caller.setdefault(caller, asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turns.acquire()
        except TimeoutError:
            raise NoTurn from None
        try:
            yield
        finally:
            turns.release()
