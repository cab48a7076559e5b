"""Collects concurrent calls into batches: one flush, usually one SQL statement, for many rows.

Invariants:
- At most `at_once` flushes are in flight.
- Rows that queue up during a flush are the next flush. There is no timer: a row that arrives at rest is flushed at
  once, so an idle engine adds no delay.
- Each caller gets the result, or the exception, of its own row.
- A bad row is retried alone: it fails, and the other rows of its batch succeed.
- Rows with the same key never share a flush and keep their order. With several flushes in flight, two of them may be
  in different flushes at the same time.
- Each queued row has a drain task that will take it. So a drain leaves `_draining` in the step in which it saw the
  queue empty, and not when its task is found done.

Why `at_once=2` exists: with one flush in flight, two groups of callers that write again and again take turns waiting
for each other and stay two groups forever. With two in flight they soon merge, and more rows share a flush.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar, cast

Row = TypeVar("Row")
Result = TypeVar("Result")


class Batcher(Generic[Row, Result]):
    """`flush` takes rows and returns one result, or one exception, for each row in order.

    If `flush` raises one of `bad_row`, each row is flushed again alone. Any other exception goes to every caller of
    the batch.
    """

    def __init__(
        self,
        flush: Callable[[list[Row]], Awaitable[Sequence[Result | Exception]]],
        *,
        max_batch: int = 500,
        at_once: int = 1,
        key: Callable[[Row], Hashable] | None = None,
        bad_row: tuple[type[Exception], ...] = (),
    ) -> None:
        self._flush = flush
        self._max_batch = max_batch
        self._at_once = at_once
        self._key = key
        self._bad_row = bad_row
        self._queue: deque[tuple[Row, asyncio.Future[Result]]] = deque()
        self._draining: set[asyncio.Task[None]] = set()

    async def __call__(self, row: Row) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((row, future))
        if len(self._draining) < self._at_once:
            self._draining.add(asyncio.create_task(self._drain()))
        try:
            return await future
        finally:
            del future  # its exception has this frame: they would keep each other for a long time

    async def settled(self) -> None:
        """Waits until every row passed in so far has been flushed."""
        if self._draining:
            await asyncio.wait(set(self._draining))

    async def _drain(self) -> None:
        try:
            while self._queue:
                batch = self._next_batch()
                results = await self._results([row for row, _ in batch])
                for (_, future), result in zip(batch, results, strict=True):
                    if future.done():  # the caller was cancelled; the row is written all the same
                        continue
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
                await asyncio.sleep(0)  # callers that continue with another row get it into the next flush
        finally:
            # Here, and not in a done callback: a caller in between would start no drain and wait forever.
            self._draining.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    def _next_batch(self) -> list[tuple[Row, asyncio.Future[Result]]]:
        batch: list[tuple[Row, asyncio.Future[Result]]] = []
        later: list[tuple[Row, asyncio.Future[Result]]] = []
        keys: set[Hashable] = set()
        while self._queue and len(batch) < self._max_batch:
            item = self._queue.popleft()
            if self._key is not None:
                if (key := self._key(item[0])) in keys:
                    later.append(item)
                    continue
                keys.add(key)
            batch.append(item)
        self._queue.extendleft(reversed(later))
        return batch

    async def _results(self, rows: list[Row]) -> Sequence[Result | Exception]:
        try:
            return await self._flush(rows)
        except self._bad_row as error:
            if len(rows) == 1:
                return [error]
            return [(await self._results([row]))[0] for row in rows]
        except Exception as error:
            return [error] * len(rows)
