"""A venue and one of its two nodes that work together: nothing is signed that the other node does not show, too."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.dex.adapters.solana import chain as chain_module
from app.dex.adapters.solana import simulation
from app.dex.adapters.solana.programs import LOOKUP_TABLE, TOKEN
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.adapters.solana.tables import HEAD, NOBODY, read_tables
from app.dex.errors import DexError
from app.localnet.genesis import TABLE, mint_of, table_addresses
from tests.integration.desk import AMOUNT, ME, THEIR_USDC, order, paid_to
from tests.localnet import MARKETS, SOL, USDC, pool, quoted
from tests.solana_world import World, a_world, tells


def paying_us(
    monkeypatch: pytest.MonkeyPatch, world: World, liars: list[int], brings: int, *, once: bool = False
) -> None:
    """These nodes say that a swap brings so many USDC. `once`: as those do that do not know the newest slot yet."""

    def first() -> Callable[[Any], Any]:
        left = [True]

        def lie_once(told: Any) -> Any:
            if told["value"]["accounts"] and left:
                left.clear()
                told["context"]["slot"] -= 1
                return lie(told)
            return told

        return lie_once

    def lie(told: Any) -> Any:
        for row in told["value"]["accounts"] or ():
            data = bytearray(b64decode(row["data"][0]) if row else b"")
            if data[:64] == bytes(mint_of(USDC)) + bytes(ME):
                data[64:72] = (int.from_bytes(data[64:72], "little") + brings).to_bytes(8, "little")
                row["data"][0] = b64encode(data).decode()
        return told

    for liar in liars:
        tells(monkeypatch, world, liar, "simulateTransaction", first() if once else lie)


async def refused(world: World, swap: SolanaSwap) -> str:
    with pytest.raises(DexError) as error:
        await world.chain.sign(swap, memo="order", attempt=1, blockhash=await world.chain.blockhash())
    assert error.value.code == "unsafe_transaction"
    return error.value.detail


def stolen(world: World) -> tuple[SolanaSwap, int]:
    brings = quoted(world.validator, pool(), SOL, AMOUNT)
    return replace(paid_to(THEIR_USDC, order(SOL, USDC)), quoted=brings, min_amount_out=1), brings


async def test_a_swap_for_a_stranger_is_refused_whatever_all_nodes_say(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    swap, brings = stolen(two)
    paying_us(monkeypatch, two, [0, 1], brings)
    assert f"pays another account than the wallet's own, {THEIR_USDC}" in await refused(two, swap)


@pytest.mark.parametrize("liar", [0, 1])
async def test_two_nodes_have_to_accept_what_is_signed(two: World, monkeypatch: pytest.MonkeyPatch, liar: int) -> None:
    """As if the program did something else than its instruction says."""
    monkeypatch.setattr(chain_module, "check_instruction", lambda *_, **__: None)
    swap, brings = stolen(two)
    paying_us(monkeypatch, two, [liar], brings)
    assert "minimum" in await refused(two, swap)


async def test_a_simulation_that_is_behind_the_balances_is_made_again(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another swap of ours landed in between: what that one sold would hide what this one takes."""
    monkeypatch.setattr(chain_module, "check_instruction", lambda *_, **__: None)
    monkeypatch.setattr(simulation, "BEHIND_SECONDS", 0)
    swap, brings = stolen(two)
    paying_us(monkeypatch, two, [0, 1], brings, once=True)
    assert "minimum" in await refused(two, swap)


async def test_a_table_that_is_cut_off_is_not_used(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(told: Any) -> Any:
        for row in told["value"]:
            if row and row["owner"] == str(LOOKUP_TABLE):
                row["data"][0] = b64encode(b64decode(row["data"][0])[:-1]).decode()
        return told

    tells(monkeypatch, two, 0, "getMultipleAccounts", cut)
    hash_ = await two.chain.blockhash()
    payloads = [
        (await two.chain.sign(replace(order(), tables=tables), memo="order", attempt=1, blockhash=hash_)).payload
        for tables in ((), (TABLE,))
    ]
    assert payloads[0] == payloads[1]


@pytest.mark.parametrize("liar", [0, 1])
async def test_what_is_in_a_table_is_what_two_nodes_tell(
    two: World, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    """One of them could show a stranger's account where one of ours is."""

    def lie(told: Any) -> Any:
        [row] = told["value"]
        data = b64decode(row["data"][0])
        row["data"][0] = b64encode(data[:HEAD] + bytes(THEIR_USDC) + data[HEAD + 32 : -32]).decode()
        return told

    tells(monkeypatch, two, liar, "getMultipleAccounts", lie)
    [table] = await read_tables(two.rpcs, [TABLE], own=())
    assert list(table.addresses) == [NOBODY, *table_addresses(MARKETS)[1:-1]]


async def test_a_program_that_was_made_a_moment_ago_is_seen(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each provider has nodes behind its address, and those that tell the accounts are behind those that simulate."""
    monkeypatch.setattr(simulation, "BEHIND_SECONDS", 0)
    monkeypatch.setattr(two.chain, "_programs", two.chain._programs - {TOKEN})

    def behind(times: Iterator[int]) -> Callable[[Any], Any]:
        def lie(told: Any) -> Any:
            if next(times, None) is not None:
                told["context"]["slot"] -= 1
                told["value"] = [row and (None if row["executable"] else row) for row in told["value"]]
            return told

        return lie

    for node in (0, 1):
        tells(monkeypatch, two, node, "getMultipleAccounts", behind(iter(range(2))))
    assert f"a program that is not on our list, {TOKEN}" in await refused(two, order())


async def test_a_node_that_holds_its_simulation_back_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is behind for a while, as often as it likes. What the other one showed at once would be signed later."""
    monkeypatch.setattr(chain_module, "SIMULATION_SECONDS", 1.0)
    behind, asked = iter(range(simulation.TRIES - 1)), list[str]()

    def once_more(told: Any) -> Any:
        if told["value"]["accounts"] and next(behind, None) is not None:
            told["context"]["slot"] -= 1
        return told

    def seen(told: Any) -> Any:
        asked.append(told)
        return told

    async with a_world(tmp_path, providers=3) as world:
        tells(monkeypatch, world, 0, "simulateTransaction", once_more)
        tells(monkeypatch, world, 2, "simulateTransaction", seen)
        await world.signed()
    assert asked


@pytest.mark.parametrize("still", [0, 1])
async def test_what_a_node_that_stands_still_shows_is_the_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, still: int
) -> None:
    """The wallet had nothing then, or the price was another one."""

    def fails(told: Any) -> Any:
        return told | {"value": told["value"] | {"err": "AccountNotFound", "accounts": None}}

    async with a_world(tmp_path, providers=3) as world:
        tells(monkeypatch, world, still, "simulateTransaction", fails)
        world.faults[still].lag, world.faults[still].lag_share = 100, 1.0
        assert await world.signed()


async def test_for_a_node_whose_tables_cannot_be_read_another_one_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_world(tmp_path, providers=3) as world:
        tells(monkeypatch, world, 0, "getMultipleAccounts", lambda told: "nothing")
        [table] = await read_tables(world.rpcs, [TABLE], own=())
        assert list(table.addresses) == table_addresses(MARKETS)
