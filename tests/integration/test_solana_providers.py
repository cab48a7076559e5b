"""The chain adapter with several providers, one of which is down, lies, or has not seen everything."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from solders.hash import Hash

from app.dex.adapters.solana import reading
from app.dex.errors import DexError
from tests.localnet import SOL, USDC, WALLET, built_swap, pool
from tests.solana_world import PASSED, World, a_world, tells


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


FAILED: list[dict[str, Any]] = [{"err": {"InstructionError": [5, {"Custom": 6001}]}}, {"err": {}}]


@pytest.mark.parametrize("liar", [0, 1])
@pytest.mark.parametrize("honest_has_it", [True, False])
@pytest.mark.parametrize("failed", FAILED)
async def test_one_provider_alone_ends_no_attempt(
    two: World, monkeypatch: pytest.MonkeyPatch, liar: int, honest_has_it: bool, failed: dict[str, Any]
) -> None:
    """It could make the engine pay again, once for each attempt."""
    swap = await two.signed()
    await two.sent(swap)
    two.faults[1 - liar].forgets = not honest_has_it
    tells(monkeypatch, two, liar, "getTransaction", lambda told: told | {"meta": told["meta"] | failed})
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


async def test_a_provider_that_takes_its_time_about_a_blockhash_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PATIENCE_SECONDS", 0.01)
    async with a_world(tmp_path, providers=3) as world, asyncio.timeout(30):
        honest = world.rpcs[2].call

        async def call(method: str, *params: Any, within: float | None = None) -> Any:
            if method == "isBlockhashValid":
                await asyncio.Event().wait()
            return await honest(method, *params, within=within)

        monkeypatch.setattr(world.rpcs[2], "call", call)
        assert await world.chain.blockhash()


@pytest.mark.parametrize("status", [None, {"confirmationStatus": "confirmed"}, {"confirmationStatus": []}, {}])
async def test_one_provider_of_three_neither_denies_nor_hides_that_a_fill_is_final(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: Any
) -> None:
    async with a_world(tmp_path, providers=3) as world:
        tells(
            monkeypatch, world, 0, "getSignatureStatuses", lambda told: told | {"value": [status] * len(told["value"])}
        )
        swap, dropped = await world.signed(), await world.signed(name="dropped")
        await world.sent(swap)
        world.validator.skip(PASSED)
        assert await world.chain.not_final([swap.signature, dropped.signature]) == [dropped.signature]


async def test_one_provider_cannot_change_how_an_amount_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5000.0 equals what the others tell, and its digits are others."""

    def with_a_point(told: dict[str, Any]) -> dict[str, Any]:
        told["meta"]["fee"] = float(told["meta"]["fee"])
        return told

    async with a_world(tmp_path, providers=3) as world:
        tells(monkeypatch, world, 0, "getTransaction", with_a_point)
        blockhash = await world.chain.blockhash()
        swap = await world.chain.sign(
            built_swap(pool(), USDC, SOL, 10**7, 1), memo="order", attempt=1, blockhash=blockhash
        )
        await world.sent(swap)
        outcome = (await world.chain.ask(swap.signature)).outcome
        assert outcome is not None
        assert isinstance(outcome.amount_out, int)
        assert outcome == (await world.chain.ended([swap.signature]))[1][swap.signature]


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


@pytest.mark.parametrize("liar", range(3))
async def test_a_slot_that_cannot_be_stored_takes_only_its_own_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    """The blockhash of the node that tells the lowest height comes first."""
    async with a_world(tmp_path, providers=3) as three:
        value = {"lastValidBlockHeight": three.validator.clock.height + 140}
        lie = {"context": {"slot": 2**70}}
        tells(
            monkeypatch, three, liar, "getLatestBlockhash", lambda told: told | lie | {"value": told["value"] | value}
        )
        assert (await three.chain.blockhash()).slot < 2**63


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


async def test_an_answer_that_nobody_thought_of_takes_only_its_own_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_world(tmp_path, providers=3) as three:
        swap = await three.signed()
        await three.sent(swap)

        def bug(told: Any) -> Any:
            raise RuntimeError("a bug")

        tells(monkeypatch, three, 0, "getTransaction", bug)
        assert await three.verdict(swap) == "landed"
        assert set((await three.chain.ended([swap.signature]))[1]) == {swap.signature}


@pytest.mark.parametrize("fault", [{"lag": PASSED, "lag_share": 1}, {"first_height": 1_150}])
@pytest.mark.parametrize("faulty", range(3))
async def test_one_of_three_that_stands_still_or_has_a_short_history_keeps_no_swap_from_expiring(
    tmp_path: Path, faulty: int, fault: dict[str, Any]
) -> None:
    async with a_world(tmp_path, providers=3) as world:
        swap = await world.signed()  # and it is never sent
        world.validator.skip(PASSED)
        world.faults[faulty].set(fault)
        assert await world.verdict(swap) == "expired"


@pytest.mark.parametrize("liar", range(3))
async def test_one_of_three_that_tells_another_outcome_keeps_none_from_being_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    async with a_world(tmp_path, providers=3) as world:
        swap = await world.signed()
        await world.sent(swap)
        tells(monkeypatch, world, liar, "getTransaction", lambda told: told | {"meta": told["meta"] | FAILED[0]})
        assert await world.verdict(swap) == "landed"
        assert set((await world.chain.ended([swap.signature]))[1]) == {swap.signature}


@pytest.mark.parametrize("liar", range(3))
async def test_a_blockhash_that_is_almost_over_is_not_signed_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, liar: int
) -> None:
    """No swap would land, and each would count in its day until it has expired."""
    async with a_world(tmp_path, providers=3) as world:
        clock = world.validator.clock

        def old(told: Any) -> Any:
            last = told["value"]["lastValidBlockHeight"] - 1  # the one with the lowest comes first
            over = str(Hash.from_bytes(clock.blockhash(clock.height - 148)))
            return told | {"value": {"blockhash": over, "lastValidBlockHeight": last}}

        tells(monkeypatch, world, liar, "getLatestBlockhash", old)
        made = clock.height_of_blockhash(bytes(Hash.from_string((await world.chain.blockhash()).hash)))
        assert made is not None
        assert made > clock.height - 32


async def test_a_slot_that_no_other_node_has_seen_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_world(tmp_path, providers=3) as world:

        def ahead(told: Any) -> Any:
            value = told["value"] | {"lastValidBlockHeight": told["value"]["lastValidBlockHeight"] - 1}
            return {"context": {"slot": 2**40}, "value": value}

        tells(monkeypatch, world, 0, "getLatestBlockhash", ahead)
        assert await world.signed()
