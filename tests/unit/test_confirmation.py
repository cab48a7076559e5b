"""One query covers all pending swaps; no swap is held up by another one, or by an error of the chain."""

import asyncio
from collections.abc import Sequence

from app.dex.chain import Outcome, SignedSwap
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap
from tests.fakes import ScriptedChain, in_a_while
from worker.confirmation import MAX_PER_QUERY, Confirmations

SWAP = BuiltSwap("raydium", ("pool",), ("SOL", "USDC"), 10**9, 1, wrap_sol=True, unwrap_sol=False)
QUICK = 0.001


async def sent(chain: ScriptedChain, *memos: str) -> list[SignedSwap]:
    swaps = [await chain.sign(SWAP, memo=memo, attempt=1, blockhash=await chain.blockhash()) for memo in memos]
    for swap in swaps:
        await chain.send(swap, not_after=in_a_while())
    return swaps


async def idle(confirmations: Confirmations) -> None:
    """Wait until nothing is pending and nothing is asked any more."""
    async with asyncio.timeout(5):
        while confirmations._polling is not None:
            await asyncio.sleep(0)


async def test_each_swap_gets_its_own_result_and_all_share_the_queries() -> None:
    chain = ScriptedChain([5, None, "slippage_exceeded"], poll_seconds=QUICK)
    landed, dropped, failed = await sent(chain, "a", "b", "c")
    confirmations = Confirmations(chain)
    queries: list[int] = []
    chain.on_ask = lambda chain: queries.append(chain.slot)
    first, nothing, second = await asyncio.gather(
        *(confirmations.wait(swap, within=0.1) for swap in (landed, dropped, failed))
    )
    assert first is not None
    assert first.outcome is not None
    assert (first.outcome.status, first.outcome.amount_out) == ("landed", 5)
    assert second is not None
    assert second.outcome is not None
    assert second.outcome.code == "slippage_exceeded"
    assert nothing is None
    await idle(confirmations)
    assert len(queries) < 200  # in a tenth of a second, one each millisecond


async def test_the_chain_sets_the_pace_of_the_queries() -> None:
    chain = ScriptedChain([5], poll_seconds=0.4)
    (landed,) = await sent(chain, "a")
    assert await Confirmations(chain).wait(landed, within=0.2) is None
    assert await Confirmations(chain).wait(landed, within=5) is not None


async def test_an_answer_that_takes_longer_than_anybody_waits_is_kept() -> None:
    """A node hangs, so each query takes longer than the time between two sends."""

    class Slow(ScriptedChain):
        async def ended(self, signatures: Sequence[str]) -> tuple[int, dict[str, Outcome]]:
            await go_on.wait()
            return await super().ended(signatures)

    go_on, chain = asyncio.Event(), Slow([5], poll_seconds=QUICK)
    (landed,) = await sent(chain, "a")
    confirmations = Confirmations(chain)
    assert await confirmations.wait(landed, within=0.05) is None
    go_on.set()
    await idle(confirmations)
    go_on.clear()
    assert await confirmations.wait(landed, within=0.05) is not None


async def test_one_query_is_in_flight_at_a_time_and_asks_for_no_more_than_a_node_accepts() -> None:
    sizes: list[int] = []
    in_flight = 0

    class Counting(ScriptedChain):
        async def ended(self, signatures: Sequence[str]) -> tuple[int, dict[str, Outcome]]:
            nonlocal in_flight
            in_flight += 1
            assert in_flight == 1
            sizes.append(len(signatures))
            await asyncio.sleep(QUICK)
            in_flight -= 1
            return await super().ended(signatures)

    chain = Counting([5], poll_seconds=QUICK)
    swaps = await sent(chain, *map(str, range(MAX_PER_QUERY + 1)))
    confirmations = Confirmations(chain)
    assert None not in await asyncio.gather(*(confirmations.wait(swap, within=5) for swap in swaps))
    assert sizes[:2] == [MAX_PER_QUERY, 1]


async def test_a_swap_that_seems_expired_is_reported_without_an_outcome() -> None:
    chain = ScriptedChain([None], poll_seconds=QUICK)
    (dropped,) = await sent(chain, "a")
    chain.slot = dropped.last_valid_height + 1
    snapshot = await Confirmations(chain).wait(dropped, within=5)
    assert snapshot is not None
    assert snapshot.outcome is None


async def test_a_query_that_failed_is_made_again() -> None:
    chain = ScriptedChain([5], ask_errors=[DexError("rpc_timeout", "late")] * 3, poll_seconds=QUICK)
    (landed,) = await sent(chain, "a")
    assert await Confirmations(chain).wait(landed, within=5) is not None


async def test_queries_start_again_after_a_pause_without_pending_swaps() -> None:
    chain = ScriptedChain([None, 5], poll_seconds=QUICK)
    dropped, landed = await sent(chain, "a", "b")
    confirmations = Confirmations(chain)
    assert await confirmations.wait(dropped, within=0.01) is None
    await idle(confirmations)
    assert await confirmations.wait(landed, within=5) is not None
