"""An event for many streams is handed to a few at a time, and keeps no event of another owner waiting."""

import asyncio
import contextlib
import itertools

from app.orders.events.fan_out import AT_ONCE, MAX_WAITING, FanOut
from app.orders.events.publisher import EventMessage
from app.orders.events.subscriber import Subscriber


def event(owner: str, seq: int = 1) -> EventMessage:
    return EventMessage(f"order of {owner}", owner, seq, False, b"{}")


class Streams:
    def __init__(self, count: int) -> None:
        self.of = {"ann": [Subscriber(owner="ann", max_buffered=1) for _ in range(count)]}
        self.of["bob"] = [Subscriber(owner="bob", max_buffered=1)]
        self.handed: list[tuple[str, int]] = []
        self.fan_out = FanOut(lambda message: self.of[message.owner], self._hand)

    def _hand(self, message: EventMessage, _: Subscriber) -> None:
        self.handed.append((message.owner, message.seq))

    async def run_until(self, count: int) -> list[int]:
        """How many more had been handed on, each time that other tasks ran."""
        task, seen = asyncio.create_task(self.fan_out.run()), [len(self.handed)]
        while len(self.handed) < count:
            await asyncio.sleep(0)
            seen.append(len(self.handed))
        for _ in range(3):
            await asyncio.sleep(0)  # it is done with the last one
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return [after - before for before, after in itertools.pairwise(seen)]


async def test_other_tasks_run_while_an_event_is_handed_to_many_streams() -> None:
    streams = Streams(3 * AT_ONCE)
    for seq in (1, 2):
        streams.fan_out.receive(event("ann", seq))
    assert streams.handed == []
    streams.fan_out.receive(event("bob"))
    assert streams.handed == [("bob", 1)]  # it does not wait for those of ann
    assert max(await streams.run_until(6 * AT_ONCE + 1)) <= AT_ONCE
    assert streams.handed[1:] == [("ann", 1)] * 3 * AT_ONCE + [("ann", 2)] * 3 * AT_ONCE


async def test_an_event_for_a_few_streams_waits_for_earlier_ones_of_its_owner() -> None:
    streams = Streams(AT_ONCE + 1)
    streams.fan_out.receive(event("ann", 1))
    del streams.of["ann"][1:]
    streams.fan_out.receive(event("ann", 2))
    assert streams.handed == []
    await streams.run_until(2)
    assert streams.handed == [("ann", 1), ("ann", 2)]
    streams.fan_out.receive(event("ann", 3))
    assert streams.handed[2:] == [("ann", 3)]


async def test_events_that_wait_are_bounded() -> None:
    streams = Streams(AT_ONCE + 1)
    for seq in range(MAX_WAITING + 5):
        streams.fan_out.receive(event("ann", seq))
    del streams.of["ann"][1:]
    await streams.run_until(MAX_WAITING)
    assert streams.handed[-1] == ("ann", MAX_WAITING - 1)


async def test_other_tasks_run_while_many_events_that_arrive_at_once_are_handed_to_a_few_streams() -> None:
    streams = Streams(AT_ONCE)
    for seq in range(1, 6):
        streams.fan_out.receive(event("ann", seq))
    streams.fan_out.receive(event("bob"))
    assert streams.handed == [("ann", 1)] * AT_ONCE + [("bob", 1)]
    assert max(await streams.run_until(5 * AT_ONCE + 1)) <= AT_ONCE
    assert streams.handed[AT_ONCE + 1 :] == [("ann", seq) for seq in range(2, 6) for _ in range(AT_ONCE)]


async def test_events_of_an_owner_with_one_stream_are_handed_on_many_at_once() -> None:
    streams = Streams(1)
    for seq in range(3 * AT_ONCE):
        streams.fan_out.receive(event("ann", seq))
    assert len(streams.handed) == AT_ONCE
    assert max(await streams.run_until(3 * AT_ONCE)) == AT_ONCE
    assert streams.handed == [("ann", seq) for seq in range(3 * AT_ONCE)]
