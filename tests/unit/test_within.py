"""`within`: a timer only for what has to wait."""

import asyncio
from typing import Any

import pytest

from app.tasks import within


async def at_once() -> str:
    return "done"


async def after(event: asyncio.Event) -> str:
    try:
        await event.wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0)  # cleaning up may wait, too
        raise
    await asyncio.sleep(0)
    return "done"


async def test_what_need_not_wait_sets_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Any) -> Any:
        raise AssertionError("a timer")

    monkeypatch.setattr(asyncio, "timeout", refused)
    assert await within(1, at_once()) == "done"


async def test_what_waits_gets_its_result() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await within(10, after(event)) == "done"


async def test_what_takes_too_long_is_cancelled() -> None:
    with pytest.raises(TimeoutError):
        await within(0.01, after(asyncio.Event()))


async def test_a_cancellation_arrives() -> None:
    waiting = asyncio.create_task(within(10, after(asyncio.Event())))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_error_passes_whether_it_waited_or_not() -> None:
    async def fails(*, waits: bool) -> None:
        if waits:
            await asyncio.sleep(0)
        raise LookupError

    for waits in (False, True):
        with pytest.raises(LookupError):
            await within(1, fails(waits=waits))
