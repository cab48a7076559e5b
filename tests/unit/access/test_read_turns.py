"""Long reads of one caller wait for each other, and no other caller waits for them."""

import asyncio

import pytest

from app.access import read_turns
from app.access.read_turns import AT_ONCE, NoTurn, ReadTurns


async def test_a_caller_reads_only_a_few_at_once_and_delays_nobody_else() -> None:
    turns, running, end = ReadTurns(), 0, asyncio.Event()

    async def read() -> None:
        nonlocal running
        async with turns.turn("a"):
            running += 1
            await end.wait()
            running -= 1

    reads = [asyncio.create_task(read()) for _ in range(20)]
    async with asyncio.timeout(5):
        while running < AT_ONCE:
            await asyncio.sleep(0)
        async with turns.turn("b"):
            assert running == AT_ONCE
        end.set()
        await asyncio.gather(*reads)
    assert not turns._of_caller  # or every caller would be kept for ever


async def test_a_read_that_waits_too_long_is_refused_and_takes_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_turns, "WAIT_SECONDS", 0.02)
    turns = ReadTurns()
    async with turns.turn("a"), turns.turn("a"):
        with pytest.raises(NoTurn):
            async with turns.turn("a"):
                pass
    async with asyncio.timeout(5), turns.turn("a"), turns.turn("a"):
        pass
