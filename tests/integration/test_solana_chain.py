"""The chain adapter against a local node that misbehaves: what it may conclude, and what never."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from solders.hash import Hash
from solders.system_program import TransferParams, transfer

from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.wallet import KeypairWallet
from app.dex.chain import SignedSwap, verdict
from app.dex.errors import DexError
from app.localnet.faults import Faults
from app.localnet.genesis import mint_of
from app.localnet.validator import Validator
from app.localnet.view import Node
from tests.fakes import in_a_while
from tests.localnet import NAMES, SOL, STRANGER, USDC, WALLET, built_swap, land, open_validator, pool, quoted, served

PASSED = 200  # blocks after which a blockhash is over, on finalized blocks too


@dataclass
class World:
    validator: Validator
    faults: list[Faults]  # of each provider
    rpcs: list[Rpc]
    chain: SolanaChain

    async def signed(self, *, amount: int = 10**9, floor: int = 1, name: str = "order", attempt: int = 1) -> SignedSwap:
        swap = built_swap(pool(), SOL, USDC, amount, floor)
        return await self.chain.sign(swap, memo=name, attempt=attempt, blockhash=await self.chain.blockhash())

    async def sent(self, swap: SignedSwap) -> None:
        await self.chain.send(swap, not_after=in_a_while())
        self.validator.skip(1)

    async def verdict(self, swap: SignedSwap) -> str:
        return verdict(await self.chain.ask(swap.signature), swap.last_valid_height)

    def fills(self, name: str = "order") -> int:
        landed = [one for one in self.validator.landed.values() if one.error is None]
        return sum(text.split(" #")[0] == name for one in landed for text in one.memos)


@asynccontextmanager
async def a_world(folder: Path, *, providers: int = 1, block_ms: int = 10_000) -> AsyncIterator[World]:
    validator = open_validator(folder / "journal", block_ms=block_ms)
    faults = [Faults() for _ in range(providers)]
    async with AsyncExitStack() as stack:
        nodes = [Node(validator, one, seed=seed) for seed, one in enumerate(faults, 1)]
        rpcs = [Rpc(await stack.enter_async_context(served(node)), timeout=1) for node in nodes]
        chain = SolanaChain(rpcs, KeypairWallet(WALLET), NAMES, max_priority_lamports=10_000)
        try:
            yield World(validator, faults, rpcs, chain)
        finally:
            await chain.close()
    validator.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as opened:
        yield opened


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, providers=2) as opened:
        yield opened


async def test_a_swallowed_send_is_unknown_until_it_can_no_longer_land(world: World) -> None:
    swap = await world.signed()
    world.faults[0].swallow = 1
    await world.sent(swap)
    for blocks in (0, 148, 32):  # up to the last height at which it can land, finalized
        world.validator.skip(blocks)
        assert await world.verdict(swap) == "unknown"
    world.validator.skip(2)
    assert await world.verdict(swap) == "expired"
    world.faults[0].swallow = 0
    await world.sent(swap)
    assert (await world.verdict(swap), world.fills()) == ("expired", 0)


async def test_a_swallowed_send_is_sent_again_and_lands_once(world: World) -> None:
    swap = await world.signed()
    world.faults[0].swallow = 1
    await world.sent(swap)
    world.faults[0].swallow = 0
    await world.sent(swap)
    await world.sent(swap)
    assert (await world.verdict(swap), world.fills()) == ("landed", 1)


async def test_a_send_that_is_not_answered_may_have_landed(world: World) -> None:
    swap = await world.signed()
    world.faults[0].mute = 1
    with pytest.raises(DexError, match="outcome_unknown"):
        await world.sent(swap)
    world.validator.skip(1)
    with pytest.raises(DexError, match="rpc_timeout"):
        await world.verdict(swap)
    world.faults[0].mute = 0
    assert await world.verdict(swap) == "landed"


async def test_nodes_behind_a_load_balancer_never_prove_an_absence(world: World) -> None:
    """The height from a node that is ahead, and the status from one that has not seen the block yet."""
    swap = await world.signed()
    await world.sent(swap)
    world.validator.skip(PASSED)
    world.faults[0].lag, world.faults[0].lag_share = PASSED + 10, 0.5
    verdicts = []
    for _ in range(40):
        try:
            verdicts.append(await world.verdict(swap))
        except DexError as error:
            verdicts.append(error.code)
    assert set(verdicts) <= {"landed", "unknown", "rpc_timeout"}
    assert "landed" in verdicts


async def test_a_block_that_is_dropped_is_neither_an_outcome_nor_a_proof(world: World) -> None:
    swap = await world.signed()
    world.faults[0].fork = 1
    await world.chain.send(swap, not_after=in_a_while())
    assert await world.verdict(swap) == "unknown"
    assert (await world.chain.ended([swap.signature]))[1] == {}
    world.validator.skip(1)
    assert await world.verdict(swap) == "unknown"
    world.faults[0].fork = 0
    await world.sent(swap)
    assert (await world.verdict(swap), world.fills()) == ("landed", 1)


async def test_a_node_without_the_blocks_of_the_swap_proves_nothing(world: World) -> None:
    swap = await world.signed()
    await world.sent(swap)
    world.validator.skip(PASSED)
    world.faults[0].first_height = world.validator.clock.height - 100
    assert await world.verdict(swap) == "unknown"
    with pytest.raises(DexError, match="too short a history"):
        await world.chain.find(["order"])
    world.faults[0].first_height = 0
    assert await world.verdict(swap) == "landed"


@pytest.mark.parametrize("forgetful", [0, 1])
async def test_what_only_one_of_two_providers_has_seen_is_unknown(two: World, forgetful: int) -> None:
    swap = await two.signed()
    await two.sent(swap)
    two.validator.skip(PASSED)
    two.faults[forgetful].forgets = True
    assert await two.verdict(swap) == "unknown"
    assert (await two.chain.ended([swap.signature]))[1] == {}
    two.faults[forgetful].forgets = False
    assert await two.verdict(swap) == "landed"
    assert set((await two.chain.ended([swap.signature]))[1]) == {swap.signature}


FAILED = {"err": {"InstructionError": [5, {"Custom": 6001}]}}


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("honest_has_it", [True, False])
async def test_one_provider_alone_ends_no_attempt(
    two: World, monkeypatch: pytest.MonkeyPatch, liar: int, honest_has_it: bool
) -> None:
    """It could make the engine pay again, once for each attempt."""
    swap = await two.signed()
    await two.sent(swap)
    two.faults[1 - liar].forgets = not honest_has_it
    tells(monkeypatch, two, liar, "getTransaction", lambda told: told | {"meta": told["meta"] | FAILED})
    assert await two.verdict(swap) == "unknown"
    assert (await two.chain.ended([swap.signature]))[1] == {}


async def test_two_providers_confirm_only_one_and_the_same_amount(two: World, monkeypatch: pytest.MonkeyPatch) -> None:
    swap = await two.signed()
    await two.sent(swap)

    def more(told: dict[str, Any]) -> dict[str, Any]:
        [balance] = [one for one in told["meta"]["postTokenBalances"] if one["owner"] == str(WALLET.pubkey())]
        balance["uiTokenAmount"]["amount"] += "0"
        return told

    tells(monkeypatch, two, 0, "getTransaction", more)
    assert await two.verdict(swap) == "unknown"
    assert (await two.chain.ended([swap.signature]))[1] == {}


def tells(monkeypatch: pytest.MonkeyPatch, world: World, liar: int, method: str, lie: Callable[[Any], Any]) -> None:
    """One provider makes something else of its answers to a method."""
    honest = world.rpcs[liar].call

    async def call(called: str, *params: Any, within: float | None = None) -> Any:
        answer = await honest(called, *params, within=within)
        return lie(answer) if called == method and answer is not None else answer

    monkeypatch.setattr(world.rpcs[liar], "call", call)


def last_height(change: Callable[[int], int]) -> Callable[[Any], Any]:
    def lie(told: Any) -> Any:
        value = told["value"]
        return told | {"value": value | {"lastValidBlockHeight": change(value["lastValidBlockHeight"])}}

    return lie


@pytest.mark.parametrize("liar", [0, 1])
async def test_a_last_height_that_is_over_proves_no_absence(
    two: World, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    """One provider names it too low, the other one has not seen the swap yet: it may still land."""
    tells(monkeypatch, two, liar, "getLatestBlockhash", last_height(lambda last: last - 30))
    swap = await two.signed()
    assert swap.last_valid_height == two.validator.clock.height + 150
    two.validator.skip(150 + 32 - 20)
    assert await two.verdict(swap) == "unknown"


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("wrong", [-190, 2**60])
async def test_with_a_last_height_that_is_far_from_the_other_ones_nothing_is_signed(
    two: World, monkeypatch: pytest.MonkeyPatch, liar: int, wrong: int
) -> None:
    tells(monkeypatch, two, liar, "getLatestBlockhash", last_height(lambda last: last + wrong))
    with pytest.raises(DexError, match="do not agree on a blockhash"):
        await two.signed()


async def test_a_blockhash_that_another_provider_does_not_know_is_not_used(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A swap with it would never land."""
    made_up = str(Hash.new_unique())
    tells(
        monkeypatch, two, 0, "getLatestBlockhash", lambda told: told | {"value": told["value"] | {"blockhash": made_up}}
    )
    assert (await two.chain.blockhash()).hash != made_up


async def test_with_two_providers_one_alone_proves_no_absence(two: World) -> None:
    swap = await two.signed()
    two.validator.skip(PASSED)
    assert await two.verdict(swap) == "expired"
    two.faults[1].mute = 1
    with pytest.raises(DexError, match="rpc_timeout"):
        await two.verdict(swap)


@pytest.mark.parametrize("down", range(3))
async def test_of_three_providers_one_may_be_down(tmp_path: Path, down: int) -> None:
    async with a_world(tmp_path, providers=3) as three:
        three.faults[down].busy = 1
        swap = await three.signed()
        await three.sent(swap)
        assert set((await three.chain.ended([swap.signature]))[1]) == {swap.signature}
        assert [one.signature for one in (await three.chain.find(["order"]))[1]] == [swap.signature]
        assert await three.verdict(swap) == "landed"


async def test_of_two_providers_one_alone_is_not_enough_to_sign(two: World) -> None:
    two.faults[1].busy = 1
    with pytest.raises(DexError, match="rpc_timeout"):
        await two.signed()


async def test_a_node_that_is_asked_too_often_is_left_alone(world: World) -> None:
    world.faults[0].busy = 1
    with pytest.raises(DexError, match="429"):
        await world.chain.blockhash()
    world.faults[0].busy = 0
    with pytest.raises(DexError, match="left alone"):
        await world.chain.blockhash()


async def test_slippage_on_chain_is_told_as_such(world: World) -> None:
    floor = quoted(world.validator, pool(), SOL, 10**9)
    swap = await world.signed(floor=floor)
    land(world.validator, pool().whole_swap(STRANGER.pubkey(), mint_of(SOL), 10**9, 1), key=STRANGER)
    await world.sent(swap)
    outcome = (await world.chain.ask(swap.signature)).outcome
    assert outcome is not None
    assert (outcome.status, outcome.code) == ("failed", "slippage_exceeded")


async def test_more_than_the_wallet_has_is_never_signed(world: World) -> None:
    with pytest.raises(DexError, match="insufficient_funds"):
        await world.signed(amount=10**12)


async def test_more_tokens_than_the_wallet_has_are_never_sold(world: World) -> None:
    swap = built_swap(pool(), USDC, SOL, 10**12, 1)
    with pytest.raises(DexError, match="insufficient_funds"):
        await world.chain.sign(swap, memo="order", attempt=1, blockhash=await world.chain.blockhash())


async def test_a_wallet_that_cannot_pay_for_an_account_is_told_so(world: World) -> None:
    nearly_all = 100 * 10**9 - 1_005_000
    away = TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=STRANGER.pubkey(), lamports=nearly_all)
    land(world.validator, [transfer(away)])
    with pytest.raises(DexError, match="insufficient_funds"):
        await world.signed(amount=1_000)


async def test_funds_that_are_gone_by_then_are_told_as_such(world: World) -> None:
    swap = await world.signed(amount=60 * 10**9)
    land(world.validator, pool().whole_swap(WALLET.pubkey(), mint_of(SOL), 60 * 10**9, 1))
    await world.sent(swap)
    outcome = (await world.chain.ask(swap.signature)).outcome
    assert outcome is not None
    assert (outcome.status, outcome.code) == ("failed", "insufficient_funds")


async def test_without_money_for_the_fee_it_is_in_no_block(world: World) -> None:
    swap = await world.signed()
    everything = 100 * 10**9 - 5_000
    away = TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=STRANGER.pubkey(), lamports=everything)
    land(world.validator, [transfer(away)])
    await world.sent(swap)
    assert await world.verdict(swap) == "unknown"
    world.validator.skip(PASSED)
    assert await world.verdict(swap) == "expired"
    with pytest.raises(DexError, match="insufficient_funds"):
        await world.signed()


@pytest.mark.slow
async def test_each_of_many_orders_lands_once_whatever_the_node_does(tmp_path: Path) -> None:
    """As the worker does it: the same bytes until there is proof, and a new swap only after it."""
    async with a_world(tmp_path, providers=2, block_ms=8) as world:
        for faults in world.faults:
            faults.swallow, faults.mute, faults.fork, faults.lag, faults.lag_share = 0.5, 0.1, 0.1, 3, 0.5
        random = Random(7)

        async def order(number: int) -> str:
            for attempt in range(1, 100):
                try:
                    swap = await world.signed(amount=10**7 + number, name=f"order-{number}", attempt=attempt)
                except DexError:
                    continue
                while True:
                    try:
                        await world.chain.send(swap, not_after=time.monotonic() + 1)
                        seen = await world.verdict(swap)
                    except DexError:
                        seen = "unknown"
                    if seen == "landed":
                        return seen
                    if seen in ("failed", "expired"):
                        break
                    await asyncio.sleep(random.uniform(0.02, 0.1))
            return "given up"

        assert await asyncio.gather(*(order(number) for number in range(8))) == ["landed"] * 8
        assert [world.fills(f"order-{number}") for number in range(8)] == [1] * 8
