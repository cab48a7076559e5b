"""One look at the chain tells of all swaps on their way; whoever waits is not held up by the others, or by an error."""

import asyncio

import pytest

from app.dex.chain import SignedSwap
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap
from tests.fakes import ScriptedChain
from worker import confirmation
from worker.confirmation import Confirmations

SWAP = BuiltSwap("raydium", ("pool",), ("SOL", "USDC"), 10**9, 1, wrap_sol=True, unwrap_sol=False)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirmation, "LOOK_EVERY", 0.001)


async def sent(chain: ScriptedChain, *memos: str) -> list[SignedSwap]:
    swaps = [await chain.sign(SWAP, memo=memo, attempt=1, blockhash=await chain.blockhash()) for memo in memos]
    for swap in swaps:
        await chain.send(swap)
    return swaps


async def at_rest(landings: Confirmations) -> None:
    """When nobody waits, nobody looks."""
    async with asyncio.timeout(5):
        while landings._looking is not None:
            await asyncio.sleep(0)


async def test_each_hears_of_its_own_swap_and_all_share_the_looks() -> None:
    chain = ScriptedChain([5, None, "slippage_exceeded"])
    landed, dropped, failed = await sent(chain, "a", "b", "c")
    landings = Confirmations(chain)
    looks: list[int] = []
    chain.on_ask = lambda chain: looks.append(chain.slot)
    first, nothing, second = await asyncio.gather(*(landings.of(s, within=0.1) for s in (landed, dropped, failed)))
    assert first is not None
    assert first.outcome is not None
    assert (first.outcome.status, first.outcome.amount_out) == ("landed", 5)
    assert second is not None
    assert second.outcome is not None
    assert second.outcome.code == "slippage_exceeded"
    assert nothing is None
    await at_rest(landings)
    assert len(looks) < 200  # in a tenth of a second of looks that are a thousandth apart


async def test_a_swap_that_can_land_no_more_is_told_without_an_outcome() -> None:
    chain = ScriptedChain([None])
    (dropped,) = await sent(chain, "a")
    chain.slot = dropped.last_valid_height + 1
    told = await Confirmations(chain).of(dropped, within=5)
    assert told is not None
    assert told.outcome is None


async def test_a_look_that_failed_is_made_again() -> None:
    chain = ScriptedChain([5], ask_errors=[DexError("rpc_timeout", "late")] * 3)
    (landed,) = await sent(chain, "a")
    assert await Confirmations(chain).of(landed, within=5) is not None


async def test_looks_begin_again_after_the_last_who_waited_has_gone() -> None:
    chain = ScriptedChain([None, 5])
    dropped, landed = await sent(chain, "a", "b")
    landings = Confirmations(chain)
    assert await landings.of(dropped, within=0.01) is None
    await at_rest(landings)
    assert await landings.of(landed, within=5) is not None
