"""The chain adapter against a local node that misbehaves: what it may conclude, and what never."""

import asyncio
import time
from pathlib import Path
from random import Random

import pytest
from solders.system_program import TransferParams, transfer

from app.dex.errors import DexError
from app.localnet.genesis import mint_of
from tests.fakes import in_a_while
from tests.localnet import SOL, STRANGER, USDC, WALLET, built_swap, land, pool, quoted
from tests.solana_world import PASSED, World, a_world


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
