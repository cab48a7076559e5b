"""The swaps of our wallets as several providers tell them: what one of them leaves out, makes up, or cannot know."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import Message, MessageV1
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from app.dex import base58
from app.dex.adapters import http
from app.dex.adapters.solana import history
from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.programs import memo
from app.dex.adapters.solana.reading import TRANSACTION_OPTIONS
from app.dex.adapters.solana.rpc import RpcRefused
from app.dex.adapters.solana.wallet import KeypairWallet
from app.dex.chain import SignedSwap
from app.dex.errors import DexError
from tests.localnet import NAMES, RAY, STRANGER, USDC, WALLET, land
from tests.solana_world import World, a_world, tells

PAGES = "getSignaturesForAddress"


async def three_swaps(world: World) -> list[SignedSwap]:
    """The newest first."""
    swaps = [await world.signed(name=f"order-{number}") for number in range(3)]
    for swap in swaps:
        await world.sent(swap)
        world.validator.skip(1)
    return swaps[::-1]


async def walked(chain: SolanaChain, page: int) -> list[str]:
    """All signatures, page by page."""
    found, before = list[str](), None
    while swaps := await chain.newest(page, before=before):
        found += [swap.signature for swap in swaps]
        before = found[-1]
    return found


def named() -> Instruction:
    return transfer(TransferParams(from_pubkey=STRANGER.pubkey(), to_pubkey=WALLET.pubkey(), lamports=1))


def dust(world: World, *, text: str | None = None) -> None:
    land(world.validator, [named(), *([memo(text, STRANGER.pubkey())] if text else [])], key=STRANGER)
    world.validator.skip(1)


async def test_somebody_elses_transaction_with_our_memo_is_not_ours(world: World) -> None:
    swap = await world.signed()
    await world.sent(swap)
    dust(world, text="order #1")
    assert [one.signature for one in (await world.chain.find(["order"]))[1]] == [swap.signature]
    assert [one.signature for one in await world.chain.newest(10)] == [swap.signature]


async def test_transactions_of_strangers_do_not_hide_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE", 2)
    swaps = [await world.signed(name=f"order-{number}") for number in range(2)]
    for swap in swaps:
        await world.sent(swap)
        for _ in range(3):
            dust(world)
    older, newer = (swap.signature for swap in swaps)
    assert await walked(world.chain, 1) == [newer, older]
    assert [one.signature for one in await world.chain.newest(2)] == [newer, older]


async def test_strangers_cannot_make_a_history_unreadable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker would start any order. A memo that looks like ours is read, and nodes refuse a version 1."""
    monkeypatch.setattr(http, "MAX_VALUES", 1_000)
    swap = await world.signed()
    await world.sent(swap)
    for text in (",{" * 450, "order #1"):
        written = [named(), memo(text, STRANGER.pubkey())]
        blockhash, _ = world.validator.latest_blockhash(world.validator.clock.height)
        message = MessageV1.try_compile(STRANGER.pubkey(), written, Hash.from_string(blockhash))
        assert world.validator.submit(bytes(VersionedTransaction(message, [STRANGER])))
        world.validator.skip(1)
        dust(world, text=text)
    with pytest.raises(RpcRefused):
        await world.rpcs[0].call("getTransaction", list(world.validator.landed)[-2], TRANSACTION_OPTIONS)
    assert [one.signature for one in await world.chain.newest(10)] == [swap.signature]
    assert [one.signature for one in (await world.chain.find(["order"]))[1]] == [swap.signature]


async def test_what_our_wallet_pays_by_other_means_does_not_end_a_history(world: World) -> None:
    """Other wallets sign in the form that has no version. No worker would start any order."""
    swap = await world.signed()
    await world.sent(swap)
    paid = transfer(TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=STRANGER.pubkey(), lamports=1))
    blockhash, _ = world.validator.latest_blockhash(world.validator.clock.height)
    with_memo = [paid, memo("invoice #42", WALLET.pubkey())]
    message = Message.new_with_blockhash(with_memo, WALLET.pubkey(), Hash.from_string(blockhash))
    assert world.validator.submit(bytes(VersionedTransaction(message, [WALLET])))
    world.validator.skip(1)
    assert [one.signature for one in await world.chain.newest(10)] == [swap.signature]
    assert [one.signature for one in (await world.chain.find(["order", "invoice"]))[1]] == [swap.signature]


async def test_no_more_transactions_are_read_than_swaps_are_missing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three_swaps(world)
    calls = counted(monkeypatch, world)
    assert len(await world.chain.newest(1)) == 1
    assert calls.count("getTransaction") == 1


async def test_what_strangers_sent_before_a_swap_that_is_known_is_not_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        dust(world, text="order #1")
    *_, known = await three_swaps(world)
    calls = counted(monkeypatch, world)
    assert len(await world.chain.newest(10, after=known.signature)) == 2
    assert calls.count("getTransaction") == 2


async def test_a_node_that_refuses_to_begin_at_a_swap_that_it_does_not_know_tells_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three_swaps(world)
    honest = world.rpcs[0].call

    async def call(method: str, *params: Any, within: float | None = None) -> Any:
        if method == PAGES and "until" in params[1]:
            raise RpcRefused(-32009)
        return await honest(method, *params, within=within)

    monkeypatch.setattr(world.rpcs[0], "call", call)
    assert len(await world.chain.newest(10, after="1" * 88)) == 3


async def test_nothing_older_than_the_orders_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(6):
        dust(world)
    swap = await world.signed()
    await world.sent(swap)
    monkeypatch.setattr(history, "PAGE", 1)
    calls, now = counted(monkeypatch, world), world.validator.clock.seconds_at(world.validator.clock.height)
    assert [one.signature for one in (await world.chain.find(["order"], since=now - 15))[1]] == [swap.signature]
    assert calls.count(PAGES) < 5
    assert (await world.chain.find(["order"], since=now + 10**6))[1]  # the page at hand is read in any case


def counted(monkeypatch: pytest.MonkeyPatch, world: World) -> list[str]:
    calls, honest = list[str](), world.rpcs[0].call

    async def call(method: str, *params: Any, within: float | None = None) -> Any:
        calls.append(method)
        return await honest(method, *params, within=within)

    monkeypatch.setattr(world.rpcs[0], "call", call)
    return calls


@pytest.mark.parametrize("silent", [0, 1])
async def test_what_one_provider_leaves_out_the_other_one_tells(
    two: World, monkeypatch: pytest.MonkeyPatch, silent: int
) -> None:
    swap = await two.signed()
    await two.sent(swap)
    tells(monkeypatch, two, silent, PAGES, lambda told: [])
    [found], [newest] = (await two.chain.find(["order"]))[1], await two.chain.newest(10)
    assert (found.signature, found.agreed, found) == (swap.signature, True, newest)


async def test_a_history_without_end_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that starts would start no order."""
    monkeypatch.setattr(history, "PATIENCE_SECONDS", 0.0)
    async with a_world(tmp_path, providers=3) as world, asyncio.timeout(30):
        swap = await world.signed()
        await world.sent(swap)
        tells(monkeypatch, world, 2, PAGES, lambda told: [{"signature": "1" * 64, "memo": None, "blockTime": None}])
        [found], [newest] = (await world.chain.find(["order"]))[1], await world.chain.newest(10)
        assert (found.signature, found.agreed, found) == (swap.signature, True, newest)


async def test_a_node_is_not_asked_about_each_swap_that_two_others_have_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes its time would keep a worker that starts waiting."""
    async with a_world(tmp_path, providers=3) as world:
        swap = await world.signed()
        await world.sent(swap)
        tells(monkeypatch, world, 0, PAGES, lambda told: [])
        calls = counted(monkeypatch, world)
        [newest] = await world.chain.newest(10)
        assert (newest.signature, newest.agreed) == (swap.signature, True)
        assert PAGES in calls
        assert "getTransaction" not in calls


@pytest.mark.parametrize("forgetful", [0, 1])
async def test_a_swap_that_one_provider_alone_knows_is_told_as_such(two: World, forgetful: int) -> None:
    swap = await two.signed()
    await two.sent(swap)
    two.faults[forgetful].forgets = True
    [found], [newest] = (await two.chain.find(["order"]))[1], await two.chain.newest(10)
    assert (found.signature, found.agreed, found) == (swap.signature, False, newest)


@pytest.mark.parametrize("liar", [0, 1])
async def test_a_swap_with_two_amounts_is_told_as_such(two: World, monkeypatch: pytest.MonkeyPatch, liar: int) -> None:
    await two.sent(await two.signed())

    def more(told: dict[str, Any]) -> dict[str, Any]:
        [balance] = [one for one in told["meta"]["postTokenBalances"] if one["owner"] == str(WALLET.pubkey())]
        balance["uiTokenAmount"]["amount"] += "0"
        return told

    tells(monkeypatch, two, liar, "getTransaction", more)
    assert [one.agreed for one in (await two.chain.find(["order"]))[1]] == [False]


async def test_a_memo_beside_the_signature_is_nothing_that_we_signed(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With it one provider could fill another order with this swap."""
    await two.sent(await two.signed())
    tells(monkeypatch, two, 0, PAGES, lambda told: [row | {"memo": "[8] other #1"} for row in told])
    assert (await two.chain.find(["other"]))[1] == []
    assert [one.memo for one in await two.chain.newest(10)] == ["order"]


@pytest.mark.parametrize("part", ["memo", "mint"])
async def test_what_our_key_has_not_signed_is_nothing_that_a_node_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """One of three could hide the swap of an order behind another id: the order would be paid again after a restore."""

    def other(told: dict[str, Any]) -> dict[str, Any]:
        message = told["transaction"]["message"]
        if part == "memo":
            message["instructions"][-1]["data"] = base58.encode(b"other #1")
        else:
            message["accountKeys"] = [RAY.mint if key == USDC.mint else key for key in message["accountKeys"]]
        return told

    async with a_world(tmp_path, providers=3) as world:
        await world.sent(await world.signed())
        tells(monkeypatch, world, 0, "getTransaction", other)
        [found], [newest] = (await world.chain.find(["order"]))[1], await world.chain.newest(10)
        assert (newest.memo, newest.token_out, newest.agreed, newest) == ("order", "USDC", True, found)
        assert (await world.chain.find(["other"]))[1] == []


async def test_what_is_left_of_a_token_in_between_is_not_what_a_swap_brought(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool of its route may take less by the time that it lands. Its order stayed `submitted`."""
    swap = await world.signed()
    await world.sent(swap)
    brought = (await world.chain.newest(10))[0].amount_out

    def more(told: dict[str, Any]) -> dict[str, Any]:
        [ours] = [one for one in told["meta"]["postTokenBalances"] if one["owner"] == str(WALLET.pubkey())]
        told["meta"]["postTokenBalances"].append(ours | {"mint": RAY.mint, "uiTokenAmount": {"amount": "1"}})
        return told

    tells(monkeypatch, world, 0, "getTransaction", more)
    [newest], outcome = await world.chain.newest(10), (await world.chain.ask(swap.signature)).outcome
    assert outcome is not None
    assert outcome.amount_out == newest.amount_out == brought is not None
    assert (newest.token_in, newest.token_out, newest.amount_in) == ("SOL", "USDC", 10**9)


@pytest.mark.parametrize("liar", [0, 1])
async def test_one_provider_makes_nobody_skip_a_swap(two: World, monkeypatch: pytest.MonkeyPatch, liar: int) -> None:
    """It tells the oldest one only, so that the next page would begin before it."""
    swaps = await three_swaps(two)
    tells(monkeypatch, two, liar, PAGES, lambda told: told[-1:])
    assert {*await walked(two.chain, 1)} == {swap.signature for swap in swaps}


async def test_a_node_that_tells_a_swap_again_and_again_is_not_read_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine would reconcile for as long as one of three likes."""
    async with a_world(tmp_path, providers=3) as world, asyncio.timeout(30):
        swaps = await three_swaps(world)
        honest, asked = world.rpcs[0].call, itertools.count()

        async def call(method: str, *params: Any, within: float | None = None) -> Any:
            if method == PAGES:
                newest = await honest(PAGES, params[0], {"commitment": "confirmed"}, within=within)
                return [] if next(asked) % 2 else newest[:1]
            return await honest(method, *params, within=within)

        monkeypatch.setattr(world.rpcs[0], "call", call)
        assert {*await walked(world.chain, 2)} == {swap.signature for swap in swaps}


async def test_a_node_that_is_behind_tells_no_newest_swaps(two: World) -> None:
    """It could not know a swap below the height that was asked for before."""
    await two.chain.ended([])
    two.faults[0].lag = 40  # more than the blocks on top of one that is finalized
    with pytest.raises(DexError, match="rpc_timeout"):
        await two.chain.newest(10)
    two.faults[0].lag = 0
    assert await two.chain.newest(10) == []


async def test_after_a_change_of_the_key_the_swaps_of_the_old_one_are_followed(two: World) -> None:
    old = await two.signed()
    await two.sent(old)
    new, former = KeypairWallet(STRANGER), [str(WALLET.pubkey())]
    changed = SolanaChain(two.rpcs, new, NAMES, max_priority_lamports=10_000, former_wallets=former)
    outcome = (await changed.ask(old.signature)).outcome
    assert outcome is not None
    assert (outcome.status, bool(outcome.amount_out)) == ("landed", True)
    assert [one.signature for one in (await changed.find(["order"]))[1]] == [old.signature]
    assert await walked(changed, 1) == [old.signature]


@pytest.mark.parametrize("liar", range(3))
async def test_a_swap_is_what_two_of_three_tell_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    """With a later slot an old one would be among the newest, with a later time it would count in today's limits."""
    async with a_world(tmp_path, providers=3) as world:
        await three_swaps(world)
        honest = await world.chain.newest(10)
        later = {"slot": 10**6, "blockTime": 2**32}
        tells(monkeypatch, world, liar, "getTransaction", lambda told: told | later)
        assert await world.chain.newest(10) == honest
        assert all(swap.agreed for swap in honest)


@pytest.mark.parametrize("liar", range(3))
async def test_a_time_is_what_two_of_three_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, liar: int) -> None:
    async with a_world(tmp_path, providers=3) as world:
        await three_swaps(world)
        honest = await world.chain.newest(10)
        tells(monkeypatch, world, liar, "getTransaction", lambda told: told | {"blockTime": 2**32})
        assert await world.chain.newest(10) == honest
