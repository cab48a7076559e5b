"""The steps of a watcher's round."""

import asyncio

import pytest

from app.watcher.rounds import attempt


async def test_a_step_is_not_called_if_the_watcher_stops_before_its_turn() -> None:
    """A coroutine made for it would be left behind."""
    called = []

    async def step(number: int) -> None:
        called.append(number)

    stopped = asyncio.create_task(attempt("steps", step, 1))
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    await attempt("steps", step, 2)
    assert called == [2]
