"""Retries: growing waits, permanent failures, and what is sent again."""

import asyncio
import json
from itertools import pairwise
from typing import Any

from app.dex.chain import Outcome, SignedSwap
from app.dex.errors import NEVER, RETRY, DexError
from app.dex.quotes import BuiltSwap, Quote
from tests.engine import HAPPY, Engine, StreamResult
from tests.fakes import ScriptedChain, ScriptedVenue


def down(code: str = "venue_unavailable") -> DexError:
    return DexError(code, "scripted")


async def stream_of(engine: Engine, venues: list[ScriptedVenue], chain: ScriptedChain, **fields: Any) -> StreamResult:
    await engine.start_worker(venues=venues, chain=chain)
    return await engine.read_stream((await engine.place(**fields))["orderId"])


async def test_two_failures_of_a_venue_are_retried_after_growing_waits(engine: Engine) -> None:
    venue = ScriptedVenue("raydium", [down(), down(), 200_000_000])
    stream = await stream_of(engine, [venue], ScriptedChain())
    assert [(event["status"], event["attempt"]) for event in stream.events] == [
        ("pending", 0),
        ("routing", 1),
        ("pending", 1),
        ("routing", 2),
        ("pending", 2),
        ("routing", 3),
        ("building", 3),
        ("submitted", 3),
        ("confirmed", 3),
    ]
    waits = [event["retryInMs"] for event in stream.events if "retryInMs" in event]
    assert waits == [200, 400]  # the base, doubling
    assert {event["code"] for event in stream.events if "retryInMs" in event} == {"venue_unavailable"}


async def test_a_retry_does_not_start_before_its_published_time(engine: Engine) -> None:
    venue = ScriptedVenue("raydium", [down(), down(), 200_000_000])
    await stream_of(engine, [venue], ScriptedChain())
    rows = await engine.postgres.fetch(
        "SELECT status, at, details->>'retryInMs' AS wait FROM order_events ORDER BY seq"
    )
    waited = [(b["at"] - a["at"]).total_seconds() for a, b in pairwise(rows) if a["wait"]]
    assert waited[0] >= 0.2
    assert waited[1] >= 0.4
    assert max(waited) < 2


async def test_after_three_attempts_failed_is_published_once(engine: Engine) -> None:
    stream = await stream_of(engine, [ScriptedVenue("raydium", [down()])], ScriptedChain())
    assert stream.statuses == ["pending", "routing", "pending", "routing", "pending", "routing", "failed"]
    assert stream.events[-1]["code"] == "venue_unavailable"
    assert stream.events[-1]["error"]


async def test_a_permanent_failure_is_not_retried(engine: Engine) -> None:
    codes = sorted(NEVER - {"expired"})
    await engine.start_worker(venues=[ScriptedVenue("raydium", map(down, codes))], chain=ScriptedChain())
    for code in codes:
        stream = await engine.read_stream((await engine.place())["orderId"])
        assert stream.statuses == ["pending", "routing", "failed"], code
        assert stream.events[-1]["code"] == code


async def test_a_swap_that_failed_on_chain_for_a_passing_reason_is_signed_again(engine: Engine) -> None:
    codes = sorted(RETRY)
    chain = ScriptedChain([outcome for code in codes for outcome in (code, 200_000_000)])
    await engine.start_worker(venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain)
    for code in codes:
        stream = await engine.read_stream((await engine.place())["orderId"])
        assert stream.statuses == [*HAPPY[:4], "pending", *HAPPY[1:]], code
        first, second = (event["txHash"] for event in stream.events if event["status"] == "submitted")
        assert first != second
        assert len(chain.fills(stream.events[0]["orderId"])) == 1


async def test_an_order_succeeds_while_one_venue_can_quote(engine: Engine) -> None:
    venues = [ScriptedVenue("raydium", [down()]), ScriptedVenue("meteora", [200_000_000])]
    stream = await stream_of(engine, venues, ScriptedChain())
    assert stream.statuses == HAPPY
    assert stream.events[2]["dex"] == "meteora"


async def test_the_floor_is_fixed_at_the_first_build_and_never_loosened(engine: Engine) -> None:
    # The first quote fixes 99 % of 200; the market then falls to 190, and recovers.
    venue = ScriptedVenue("raydium", [200_000_000, 190_000_000, 199_000_000])
    chain = ScriptedChain(["slippage_exceeded", 199_000_000])
    stream = await stream_of(engine, [venue], chain, slippageBps=100)
    assert stream.statuses == [*HAPPY[:4], "pending", "routing", "pending", *HAPPY[1:]]
    assert [event["code"] for event in stream.events if "retryInMs" in event] == ["slippage_exceeded"] * 2
    assert [event["minAmountOut"] for event in stream.events if event["status"] == "building"] == ["198", "198"]
    assert len({signed.signature for signed in chain.sends}) == 2  # the quote below it was never sent


async def test_a_quote_below_the_clients_minimum_is_never_sent(engine: Engine) -> None:
    chain = ScriptedChain()
    stream = await stream_of(engine, [ScriptedVenue("raydium", [200_000_000])], chain, minAmountOut="200.000001")
    assert stream.events[-1]["code"] == "slippage_exceeded"
    assert chain.sends == []


async def test_a_dropped_swap_is_signed_again_only_when_it_can_no_longer_land(engine: Engine) -> None:
    chain = ScriptedChain([None, 200_000_000])
    asked: list[int] = []

    def time_passes(chain: ScriptedChain) -> None:
        asked.append(chain.slot)
        chain.slot += 60

    chain.on_ask = time_passes
    stream = await stream_of(engine, [ScriptedVenue("raydium", [200_000_000])], chain)
    assert stream.statuses == [*HAPPY[:4], "pending", *HAPPY[1:]]
    assert stream.events[4]["code"] == "tx_dropped"
    first = chain.sends[0]
    second_sent_at = next(signed for signed in chain.sends if signed.signature != first.signature)
    assert second_sent_at.last_valid_height > first.last_valid_height
    assert len([slot for slot in asked if slot <= first.last_valid_height]) >= 2


async def test_an_unanswered_send_is_repeated_at_once_by_the_same_worker(engine: Engine) -> None:
    chain = ScriptedChain([DexError("outcome_unknown", "the answer was lost")])

    def lands_when_sent_again(chain: ScriptedChain) -> None:
        if len(chain.sends) > 1:
            chain.outcomes[chain.sends[0].signature] = Outcome("landed", chain.slot, amount_out=200_000_000)

    chain.on_ask = lands_when_sent_again
    stream = await stream_of(engine, [ScriptedVenue("raydium", [200_000_000])], chain)
    assert stream.statuses == HAPPY
    assert len({signed.signature for signed in chain.sends}) == 1
    assert await engine.postgres.fetchval("SELECT count(*) FROM order_events WHERE status = 'routing'") == 1


async def test_a_waiting_retry_takes_no_slot(engine: Engine) -> None:
    venue = ScriptedVenue("raydium", [down(), 200_000_000])
    await engine.start_worker(venues=[venue], chain=ScriptedChain(), worker_concurrency=1, retry_base_seconds=1.0)
    slow = await engine.place()
    streams = [asyncio.create_task(engine.read_stream(slow["orderId"]))]

    async def waiting() -> StreamResult:
        quick = await engine.place()
        return await engine.read_stream(quick["orderId"])

    quick = await waiting()
    assert quick.statuses == HAPPY
    assert not streams[0].done()
    assert (await streams[0]).statuses[-1] == "confirmed"


async def test_an_order_with_a_pending_swap_releases_its_slot_and_is_checked_again(engine: Engine) -> None:
    chain = ScriptedChain([None, 200_000_000])  # absent, and its last valid height does not pass: nothing is proven
    await engine.start_worker(
        venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain, worker_concurrency=1, mock_execution_ms_max=0
    )
    stuck = await engine.place()

    async with asyncio.timeout(10):
        while len(chain.sends) < 3:  # each worker that takes it sends it again, with the same signature
            await asyncio.sleep(0.02)
    assert len({signed.signature for signed in chain.sends}) == 1
    assert (await engine.order(stuck["orderId"]))["status"] == "submitted"
    chain.slot += 1_000  # now it can no longer land
    stream = await engine.read_stream(stuck["orderId"])
    assert stream.events[4]["code"] == "tx_dropped"


async def test_a_landed_swap_is_not_confirmed_before_its_amount_is_known(engine: Engine) -> None:
    chain = ScriptedChain([None])

    def lands_without_an_amount(chain: ScriptedChain) -> None:
        chain.slot = chain.sends[0].last_valid_height + 1
        chain.outcomes.setdefault(chain.sends[0].signature, None)
        chain.outcomes[chain.sends[0].signature] = Outcome("landed", chain.slot - 1)

    chain.on_ask = lands_without_an_amount
    await engine.start_worker(venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain, mock_execution_ms_max=0)
    order = (await engine.place())["orderId"]
    async with asyncio.timeout(10):
        while len(chain.sends) < 3:
            await asyncio.sleep(0.02)
    assert (await engine.order(order))["status"] == "submitted"
    known = Outcome("landed", chain.slot - 1, amount_out=200_000_000)
    chain.on_ask = lambda chain: chain.outcomes.update({chain.sends[0].signature: known})
    assert (await engine.read_stream(order)).statuses == HAPPY


async def test_the_bytes_that_are_sent_again_are_those_stored_with_the_order(engine: Engine) -> None:
    chain = ScriptedChain([None])
    await engine.start_worker(venues=[ScriptedVenue("raydium", [200_000_000])], chain=chain, mock_execution_ms_max=0)
    await engine.place()
    async with asyncio.timeout(10):
        while len(chain.sends) < 3:
            await asyncio.sleep(0.02)
    stored = json.loads(await engine.postgres.fetchval("SELECT swap FROM orders"))
    assert [SignedSwap.from_json(stored)] * 3 == chain.sends[:3]
    assert set(stored) == {"signature", "payload", "lastValidHeight", "venue", "youngUntil"}


async def test_a_venue_that_cannot_build_its_swap_is_asked_again_later(engine: Engine) -> None:
    refusals = [DexError("venue_unavailable", "scripted"), RuntimeError("a bug of the venue")]

    class Builder(ScriptedVenue):
        async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
            if refusals:
                raise refusals.pop()
            return await super().build(quote, min_amount_out=min_amount_out)

    stream = await stream_of(engine, [Builder("raydium", [200_000_000])], ScriptedChain())
    assert stream.statuses == [*HAPPY[:3], *HAPPY[:3], *HAPPY]
    assert {event["code"] for event in stream.events if "retryInMs" in event} == {"venue_unavailable"}
