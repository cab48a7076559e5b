"""One of three nodes makes swaps of ours up while a worker starts: whatever it tells, those of the others are found."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.dex import base58
from app.dex.adapters.solana.programs import MEMO
from tests.integration.test_solana_history import PAGES, three_swaps, walked
from tests.localnet import USDC, WALLET
from tests.solana_world import World, a_world

SIGNATURE = base58.encode(bytes(range(64)))


def made_up(*, memo: str = "order #1", at: Any = 10**9, units: Any = "50", paid: Any = 5_000) -> dict[str, Any]:
    """A swap that never was."""
    us = str(WALLET.pubkey())
    brought = {"accountIndex": 0, "owner": us, "mint": USDC.mint, "uiTokenAmount": {"amount": units}}
    balances = {"preBalances": [10**9], "postBalances": [10**8], "preTokenBalances": [], "postTokenBalances": [brought]}
    written = {"programIdIndex": 1, "accounts": [], "data": base58.encode(memo.encode())}
    return {
        "blockTime": at,
        "slot": 1,
        "meta": {"err": None, "fee": paid, **balances},
        "transaction": {"message": {"accountKeys": [us, str(MEMO)], "instructions": [written]}},
    }


def makes_up(
    monkeypatch: pytest.MonkeyPatch, world: World, liar: int, told: dict[str, Any], signatures: Iterator[str]
) -> None:
    """A page of each of these signatures."""
    honest, memo = world.rpcs[liar].call, base58.decode(told["transaction"]["message"]["instructions"][0]["data"])

    async def call(method: str, *params: Any, within: float | None = None) -> Any:
        if method == PAGES:
            row = {"memo": f"[{len(memo)}] {memo.decode()}", "blockTime": told["blockTime"]}
            return [row | {"signature": signature} for signature in itertools.islice(signatures, 1)]
        return told if method == "getTransaction" else await honest(method, *params, within=within)

    monkeypatch.setattr(world.rpcs[liar], "call", call)


@pytest.mark.parametrize(
    ("told", "signature"),
    [
        pytest.param(made_up(), "\0", id="no signature"),
        pytest.param(made_up(memo="\0 #1"), SIGNATURE, id="a memo with a NUL"),
        pytest.param(made_up(at=1e300), SIGNATURE, id="a time that nobody can write"),
        pytest.param(made_up(units="1" + "0" * 30), SIGNATURE, id="more units than there can be"),
        pytest.param(made_up(paid=5000.5), SIGNATURE, id="a part of a lamport"),
    ],
)
async def test_what_could_not_be_stored_is_nothing_that_a_node_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any], signature: str
) -> None:
    """One of three would keep each worker that starts from starting any order."""
    async with a_world(tmp_path, providers=3) as world:
        swap = await world.signed()
        await world.sent(swap)
        makes_up(monkeypatch, world, 0, told, iter([signature]))
        [found] = (await world.chain.find(["order"]))[1]
        makes_up(monkeypatch, world, 0, told, iter([signature]))
        [newest] = await world.chain.newest(10)
        assert (found.signature, found.agreed, found) == (swap.signature, True, newest)


async def test_swaps_that_one_node_makes_up_without_end_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the engine reconciles, all pages are looked at until one is known, and nothing starts."""
    async with a_world(tmp_path, providers=3) as world, asyncio.timeout(30):
        swaps = await three_swaps(world)
        numbers = (base58.encode(number.to_bytes(64, "big")) for number in itertools.count(1))
        makes_up(monkeypatch, world, 2, made_up(), numbers)
        assert await walked(world.chain, 2) == [swap.signature for swap in swaps]
