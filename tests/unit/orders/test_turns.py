"""However many streams of one owner have something to send, others run in between."""

import asyncio
import itertools

from app.orders.events.turns import AT_ONCE, Turns


async def test_a_few_streams_of_an_owner_go_on_before_others_run() -> None:
    turns, ran = Turns(), list[str]()

    async def stream(owner: str) -> None:
        await turns.next(owner)
        ran.append(owner)

    async def others() -> None:
        while len(ran) < 120:
            await asyncio.sleep(0)
            ran.append("others")

    await asyncio.gather(*(stream("ann") for _ in range(50)), *(stream("bob") for _ in range(3)), others())
    assert ran.count("ann") == 50
    assert max(len(list(some)) for who, some in itertools.groupby(ran) if who == "ann") <= AT_ONCE
    assert [who for who in ran if who != "others"].index("bob") <= AT_ONCE  # bob waits for none of ann's


async def test_a_stream_that_ends_while_it_waits_takes_nobodys_turn() -> None:
    turns = Turns()
    tasks = [asyncio.create_task(turns.next("ann")) for _ in range(3 * AT_ONCE)]
    await asyncio.sleep(0)
    for task in tasks[AT_ONCE : 2 * AT_ONCE]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.wait_for(turns.next("ann"), 5)
