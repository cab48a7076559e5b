"""Reading a history takes more calls than a node may answer at once. Then it says 429, and is asked again later: if all
calls were made anew they would be too many again, and no worker would start an order. So is a call that failed by
chance: of very many calls one always does.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.dex.adapters import http
from app.dex.adapters.solana import reading
from app.dex.errors import DexError
from tests.integration.test_solana_history import three_swaps
from tests.solana_world import World

Read = Callable[[World], Awaitable[int]]


async def newest(world: World) -> int:
    return len(await world.chain.newest(10))


async def found(world: World) -> int:
    return len((await world.chain.find([f"order-{number}" for number in range(3)]))[1])


def fails(monkeypatch: pytest.MonkeyPatch, world: World, fault: str, *, each: int) -> None:
    """The node has this fault at so many of the calls that read the history: at each one, or at each second one."""
    honest, calls = world.rpcs[0].call, 0

    async def call(method: str, *params: Any, within: float | None = None) -> Any:
        nonlocal calls
        calls += 1
        is_one_of_many = method in ("getTransaction", "getSignaturesForAddress", "getFirstAvailableBlock")
        world.faults[0].set({fault: is_one_of_many and calls % each == 0})
        return await honest(method, *params, within=within)

    monkeypatch.setattr(world.rpcs[0], "call", call)


@pytest.mark.parametrize("read", [newest, found])
async def test_the_history_of_a_node_that_is_asked_too_often_is_read_on(
    world: World, monkeypatch: pytest.MonkeyPatch, read: Read
) -> None:
    monkeypatch.setattr(http, "MIN_REST", 0.001)
    await three_swaps(world)
    fails(monkeypatch, world, "busy", each=2)
    assert await read(world) == 3


async def test_a_node_that_answers_nothing_but_429_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RESTS_SECONDS", 0.1)
    monkeypatch.setattr(http, "MIN_REST", 0.01)
    await three_swaps(world)
    fails(monkeypatch, world, "busy", each=1)
    with pytest.raises(DexError, match=r"HTTP 429|left alone"):
        await newest(world)


@pytest.mark.parametrize("read", [newest, found])
async def test_the_history_is_read_on_after_a_call_without_an_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, read: Read
) -> None:
    await three_swaps(world)
    fails(monkeypatch, world, "mute", each=2)
    assert await read(world) == 3


async def test_a_node_that_does_not_answer_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await three_swaps(world)
    fails(monkeypatch, world, "mute", each=1)
    with pytest.raises(DexError, match="did not answer"):
        await newest(world)
