"""How long one node of several is waited for."""

import asyncio

import pytest

from app.dex.adapters.solana.reading import enough_of
from app.dex.adapters.solana.rpc import RpcUnanswered


async def at_once() -> str:
    return "told"


async def never() -> str:
    await asyncio.Event().wait()
    return "never"


async def refused() -> str:
    raise RpcUnanswered("no")


async def test_a_third_node_that_takes_its_time_is_not_waited_for_without_end() -> None:
    async with asyncio.timeout(30):
        assert await enough_of([at_once, never, at_once], patience=0.01) == ["told", "told"]


async def test_all_that_answer_soon_are_heard_in_their_order() -> None:
    async def soon() -> str:
        await asyncio.sleep(0)
        return "soon"

    assert await enough_of([at_once, soon, at_once], patience=30) == ["told", "soon", "told"]


async def test_one_node_of_three_is_not_enough() -> None:
    with pytest.raises(RpcUnanswered):
        await enough_of([at_once, refused, refused])
