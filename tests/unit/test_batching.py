"""Rows that queue up during a flush share the next one; each caller gets the result of its own row."""

import asyncio
from collections.abc import Sequence

import pytest

from app.batching import Batcher


class Flushes:
    """Records each flush and holds it until it is released. A row that is not a number fails its whole flush."""

    def __init__(self) -> None:
        self.rows: list[list[int | str]] = []
        self._released = asyncio.Semaphore(0)

    async def flush(self, rows: list[int | str]) -> Sequence[int | Exception]:
        self.rows.append(rows)
        await self._released.acquire()
        return [int(row) * 2 if int(row) >= 0 else KeyError(row) for row in rows]

    def release(self, count: int) -> None:
        for _ in range(count):
            self._released.release()


def submit(batcher: "Batcher[int | str, int]", *rows: int | str) -> "list[asyncio.Task[int]]":
    async def call(row: int | str) -> int:
        return await batcher(row)

    return [asyncio.create_task(call(row)) for row in rows]


async def loop_turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_rows_that_queue_up_during_a_flush_are_the_next_flush() -> None:
    flushes = Flushes()
    batcher: Batcher[int | str, int] = Batcher(flushes.flush)
    first = submit(batcher, 1)
    await loop_turns()
    others = submit(batcher, 2, 3)
    await loop_turns()
    assert flushes.rows == [[1]]
    flushes.release(2)
    assert await asyncio.gather(*first, *others) == [2, 4, 6]
    assert flushes.rows == [[1], [2, 3]]


async def test_at_most_at_once_flushes_are_in_flight() -> None:
    flushes = Flushes()
    batcher: Batcher[int | str, int] = Batcher(flushes.flush, at_once=2)
    calls = []
    for row in (1, 2, 3, 4):
        calls += submit(batcher, row)
        await loop_turns()
    assert flushes.rows == [[1], [2]]
    flushes.release(4)
    assert await asyncio.gather(*calls) == [2, 4, 6, 8]
    assert flushes.rows == [[1], [2], [3, 4]]


async def test_a_row_that_arrives_as_the_last_flush_ends_is_flushed() -> None:
    flushes = Flushes()
    batcher: Batcher[int | str, int] = Batcher(flushes.flush)
    flushes.release(50)
    for wait in range(10):  # in one of these turns the previous flush has just ended
        await asyncio.gather(*submit(batcher, 1))
        await loop_turns(wait)
        async with asyncio.timeout(1):
            assert await batcher(2) == 4


async def test_a_bad_row_fails_alone_and_an_error_returned_for_a_row_reaches_its_caller_only() -> None:
    flushes = Flushes()
    batcher: Batcher[int | str, int] = Batcher(flushes.flush, bad_row=(ValueError,))
    flushes.release(10)
    good, bad, returned = await asyncio.gather(*submit(batcher, 1, "x", -1), return_exceptions=True)
    assert good == 2
    assert isinstance(bad, ValueError)
    assert isinstance(returned, KeyError)
    assert flushes.rows == [[1, "x", -1], [1], ["x"], [-1]]


async def test_an_error_of_the_whole_flush_reaches_every_caller() -> None:
    flushes = Flushes()
    batcher: Batcher[int | str, int] = Batcher(flushes.flush)
    flushes.release(1)
    answers = await asyncio.gather(*submit(batcher, 1, "x"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ValueError, ValueError]


async def test_rows_with_one_key_never_share_a_flush_and_keep_their_order() -> None:
    flushes = Flushes()
    batcher: Batcher[int | str, int] = Batcher(flushes.flush, key=lambda row: int(row) % 10, max_batch=3)
    flushes.release(10)
    await asyncio.gather(*submit(batcher, 1, 11, 2, 21, 3, 4))
    assert flushes.rows == [[1, 2, 3], [11, 4], [21]]


async def test_a_cancelled_caller_does_not_affect_the_others() -> None:
    flushes = Flushes()
    batcher: Batcher[int | str, int] = Batcher(flushes.flush)
    leaving, staying = submit(batcher, 1, 2)
    await loop_turns()
    leaving.cancel()
    flushes.release(1)
    assert await staying == 4
    with pytest.raises(asyncio.CancelledError):
        await leaving
