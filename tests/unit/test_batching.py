"""Rows that are handed in meanwhile share a flush; each caller gets what became of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from app.batching import Batcher


class Desk:
    """Notes each flush and lets it end when told to; a row that is a word fails the whole flush."""

    def __init__(self) -> None:
        self.flushes: list[list[int | str]] = []
        self.open = asyncio.Semaphore(0)

    async def flush(self, rows: list[int | str]) -> Sequence[int | Exception]:
        self.flushes.append(rows)
        await self.open.acquire()
        return [int(row) * 2 if int(row) >= 0 else KeyError(row) for row in rows]

    def let(self, flushes: int) -> None:
        for _ in range(flushes):
            self.open.release()


def hand_in(batcher: "Batcher[int | str, int]", *rows: int | str) -> "list[asyncio.Task[int]]":
    async def ask(row: int | str) -> int:
        return await batcher(row)

    return [asyncio.create_task(ask(row)) for row in rows]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_comes_while_a_flush_is_under_way_becomes_the_next_one() -> None:
    desk = Desk()
    batcher: Batcher[int | str, int] = Batcher(desk.flush)
    first = hand_in(batcher, 1)
    await turns()
    others = hand_in(batcher, 2, 3)
    await turns()
    assert desk.flushes == [[1]]
    desk.let(2)
    assert await asyncio.gather(*first, *others) == [2, 4, 6]
    assert desk.flushes == [[1], [2, 3]]


async def test_as_many_flushes_as_allowed_are_under_way_and_no_more() -> None:
    desk = Desk()
    batcher: Batcher[int | str, int] = Batcher(desk.flush, at_once=2)
    asked = []
    for row in (1, 2, 3, 4):
        asked += hand_in(batcher, row)
        await turns()
    assert desk.flushes == [[1], [2]]
    desk.let(4)
    assert await asyncio.gather(*asked) == [2, 4, 6, 8]
    assert desk.flushes == [[1], [2], [3, 4]]


async def test_a_row_that_comes_as_the_last_flush_ends_is_not_forgotten() -> None:
    desk = Desk()
    batcher: Batcher[int | str, int] = Batcher(desk.flush)
    desk.let(50)
    for wait in range(10):  # one of these is the turn in which the flush before has just ended
        await asyncio.gather(*hand_in(batcher, 1))
        await turns(wait)
        async with asyncio.timeout(1):
            assert await batcher(2) == 4


async def test_a_bad_row_fails_alone_and_an_error_of_its_own_is_its_own() -> None:
    desk = Desk()
    batcher: Batcher[int | str, int] = Batcher(desk.flush, bad_row=(ValueError,))
    desk.let(10)
    good, bad, own = await asyncio.gather(*hand_in(batcher, 1, "x", -1), return_exceptions=True)
    assert good == 2
    assert isinstance(bad, ValueError)
    assert isinstance(own, KeyError)
    assert desk.flushes == [[1, "x", -1], [1], ["x"], [-1]]


async def test_an_error_that_is_nobodys_row_is_everybodys() -> None:
    desk = Desk()
    batcher: Batcher[int | str, int] = Batcher(desk.flush)
    desk.let(1)
    answers = await asyncio.gather(*hand_in(batcher, 1, "x"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ValueError, ValueError]


async def test_rows_of_one_key_never_share_a_flush_and_keep_their_order() -> None:
    desk = Desk()
    batcher: Batcher[int | str, int] = Batcher(desk.flush, key=lambda row: int(row) % 10, most=3)
    desk.let(10)
    await asyncio.gather(*hand_in(batcher, 1, 11, 2, 21, 3, 4))
    assert desk.flushes == [[1, 2, 3], [11, 4], [21]]


async def test_a_caller_that_goes_away_costs_nobody_an_answer() -> None:
    desk = Desk()
    batcher: Batcher[int | str, int] = Batcher(desk.flush)
    leaving, staying = hand_in(batcher, 1, 2)
    await turns()
    leaving.cancel()
    desk.let(1)
    assert await staying == 4
    with pytest.raises(asyncio.CancelledError):
        await leaving
