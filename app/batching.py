"""What piles up while one flush is in flight becomes the next flush. No timer: an idle engine adds no delay."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar, cast

Row = TypeVar("Row")
Result = TypeVar("Result")


class Batcher(Generic[Row, Result]):
    """Each caller gets the result, or the exception, of its own row.

    `flush` takes rows and returns one result (or an exception) for each, in order. A flush that raises one of
    `bad_row` is repeated row by row, so that one bad row never hurts its neighbours. Rows with the same `key`
    never share a flush; with several `at_once` they may be under way together.

    With one flush at a time, two groups of callers that come round again and again keep each other waiting, and stay
    two for ever. With two at a time (`at_once`) they meet before long, go on as one, and more share a flush.
    """

    def __init__(
        self,
        flush: Callable[[list[Row]], Awaitable[Sequence[Result | Exception]]],
        *,
        most: int = 500,
        at_once: int = 1,
        key: Callable[[Row], Hashable] | None = None,
        bad_row: tuple[type[Exception], ...] = (),
    ) -> None:
        self._flush = flush
        self._most = most
        self._at_once = at_once
        self._key = key
        self._bad_row = bad_row
        self._waiting: deque[tuple[Row, asyncio.Future[Result]]] = deque()
        self._flushing: set[asyncio.Task[None]] = set()

    async def __call__(self, row: Row) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        if len(self._flushing) < self._at_once:
            self._flushing.add(asyncio.create_task(self._drain()))
        return await future

    async def settled(self) -> None:
        """Wait until everything handed in so far has been flushed."""
        if self._flushing:
            await asyncio.wait(set(self._flushing))

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch = self._take()
                results = await self._results([row for row, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    if future.done():  # the caller went away; the write stands
                        continue
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
                await asyncio.sleep(0)  # whoever goes straight on to a next row shall have it in the next flush
        finally:
            # At once, not when the task is seen to have ended: who comes in between must not wait for nobody.
            self._flushing.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _take(self) -> list[tuple[Row, asyncio.Future[Result]]]:
        taken: list[tuple[Row, asyncio.Future[Result]]] = []
        later: list[tuple[Row, asyncio.Future[Result]]] = []
        keys: set[Hashable] = set()
        while self._waiting and len(taken) < self._most:
            item = self._waiting.popleft()
            if self._key is not None:
                if (key := self._key(item[0])) in keys:
                    later.append(item)
                    continue
                keys.add(key)
            taken.append(item)
        self._waiting.extendleft(reversed(later))
        return taken

    async def _results(self, rows: list[Row]) -> Sequence[Result | Exception]:
        try:
            return await self._flush(rows)
        except self._bad_row as error:
            if len(rows) == 1:
                return [error]
            return [(await self._results([row]))[0] for row in rows]
        except Exception as error:
            return [error] * len(rows)
