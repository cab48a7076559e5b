"""What sockets wait with: an inbox for one task, and a gate for many."""

import asyncio

import pytest

from app.server.waiting import Gate, Inbox


async def test_an_inbox_gives_items_in_order_and_waits_for_the_next() -> None:
    inbox = Inbox[int]()
    inbox.put_nowait(1)
    inbox.put_nowait(2)
    assert [await inbox.get(), await inbox.get(), inbox.empty()] == [1, 2, True]
    asyncio.get_running_loop().call_soon(inbox.put_nowait, 3)
    assert await inbox.get() == 3


async def test_an_item_that_arrives_when_its_reader_is_cancelled_is_not_lost() -> None:
    inbox = Inbox[int]()
    reading = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait(1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await inbox.get() == 1


async def test_a_gate_lets_all_pass_once_it_opens_and_one_that_gives_up_opens_it_for_nobody() -> None:
    gate = Gate()
    await gate.wait()
    gate.clear()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, False, False]
    gate.set()
    await asyncio.gather(*waiting[1:])
