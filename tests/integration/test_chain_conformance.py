"""What every chain has to do. A new adapter joins with one line in `NETWORKS`."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from app.dex import base58
from app.dex.chain import Blockhash, Chain, Outcome, SignedSwap, verdict
from app.dex.errors import NEVER, RETRY, DexError
from tests.engine import eventually
from tests.fakes import in_a_while
from tests.integration.chain_networks import NETWORKS, SWAP, Network


@pytest.fixture(params=NETWORKS)
async def network(request: pytest.FixtureRequest, postgres_dsn: str) -> AsyncIterator[Network]:
    async with NETWORKS[request.param](postgres_dsn) as opened:
        yield opened


async def signed(
    network: Network,
    *,
    floor: int = 1,
    memo: str = "order",
    attempt: int = 1,
    blockhash: Blockhash | None = None,
    elsewhere: bool = False,
) -> SignedSwap:
    chain = network.other if elsewhere else network.chain
    blockhash = blockhash or await chain.blockhash()
    return await chain.sign(network.swap(floor), memo=memo, attempt=attempt, blockhash=blockhash)


async def outcome_of(chain: Chain, swap: SignedSwap) -> Outcome:
    """Wait for the end of a swap that was sent."""

    async def ended() -> Outcome | None:
        return (await chain.ask(swap.signature)).outcome

    outcome = await eventually(ended)
    assert outcome is not None
    return outcome


def test_it_says_how_often_it_may_be_asked(network: Network) -> None:
    assert 0 < network.chain.poll_seconds <= 10


async def test_a_new_blockhash_has_time_left(network: Network) -> None:
    blockhash = await network.chain.blockhash()
    assert blockhash.last_valid_height > (await network.chain.ended([]))[0]
    assert blockhash.slot > 0


async def test_signing_is_deterministic_on_every_connection(network: Network) -> None:
    blockhash = await network.chain.blockhash()
    first, again, elsewhere = [  # what is said of its time is no part of it
        replace(await signed(network, blockhash=blockhash, elsewhere=elsewhere), young_until=0.0)
        for elsewhere in (False, False, True)
    ]
    assert first == again == elsewhere
    assert len(base58.decode(first.signature)) == 64
    assert (first.venue, first.last_valid_height) == (SWAP.venue, blockhash.last_valid_height)


async def test_order_attempt_blockhash_and_swap_each_change_the_signature(network: Network) -> None:
    one = await network.chain.blockhash()
    blockhashes = one, replace(one, hash=base58.encode(bytes(range(32))))
    signatures = [
        (await signed(network, floor=floor, memo=memo, attempt=attempt, blockhash=blockhash)).signature
        for floor in (1, 2)
        for memo in ("order", "another")
        for attempt in (1, 2)
        for blockhash in blockhashes
    ]
    assert len(set(signatures)) == len(signatures) == 16


async def test_a_stored_swap_is_sent_by_another_process_as_it_was_signed(network: Network) -> None:
    swap = await signed(network)
    stored = SignedSwap.from_json(json.loads(json.dumps(swap.to_json())))
    assert stored == swap
    await network.other.send(stored, not_after=in_a_while())
    assert (await outcome_of(network.chain, swap)).status == "landed"


async def test_a_swap_that_was_sent_lands_with_at_least_its_floor(network: Network) -> None:
    brings = network.brings()
    swap = await signed(network, floor=brings)
    await network.chain.send(swap, not_after=in_a_while())
    outcome = await outcome_of(network.chain, swap)
    assert (outcome.status, outcome.amount_out, outcome.code) == ("landed", brings, None)
    assert verdict(await network.chain.ask(swap.signature), swap.last_valid_height) == "landed"


async def test_the_same_swap_lands_once_however_often_it_is_sent(network: Network) -> None:
    swap = await signed(network)
    await asyncio.gather(*(chain.send(swap, not_after=in_a_while()) for chain in [network.chain, network.other] * 10))
    await outcome_of(network.chain, swap)
    assert await network.fills("order") == 1


async def test_two_attempts_that_are_both_sent_land_twice(network: Network) -> None:
    """The chain does not protect from signing twice; only the engine does."""
    blockhash = await network.chain.blockhash()
    for attempt in (1, 2):
        swap = await signed(network, attempt=attempt, blockhash=blockhash)
        await network.chain.send(swap, not_after=in_a_while())
        await outcome_of(network.chain, swap)
    assert await network.fills("order") == 2


async def test_a_swap_that_its_venue_refuses_fails_on_chain(network: Network) -> None:
    swap = await network.refused(await network.chain.blockhash())
    await network.chain.send(swap, not_after=in_a_while())
    outcome = await outcome_of(network.chain, swap)
    assert (outcome.status, outcome.amount_out) == ("failed", None)
    assert outcome.code in RETRY | NEVER
    assert verdict(await network.other.ask(swap.signature), swap.last_valid_height) == "failed"
    assert await network.fills("order") == 0


async def test_an_outcome_never_changes(network: Network) -> None:
    swap = await signed(network)
    await network.chain.send(swap, not_after=in_a_while())
    outcome = await outcome_of(network.chain, swap)
    for chain in (network.chain, network.other) * 2:
        answer = await chain.send(swap, not_after=in_a_while())
        assert answer is None or answer.outcome in (None, outcome)
        assert (await chain.ask(swap.signature)).outcome == outcome
        assert (await chain.ended([swap.signature]))[1] == {swap.signature: outcome}


async def test_an_unsent_swap_is_unknown_while_it_can_still_land(network: Network) -> None:
    swap = await signed(network, memo="unsent")
    assert verdict(await network.chain.ask(swap.signature), swap.last_valid_height) == "unknown"
    assert (await network.chain.ended([swap.signature]))[1] == {}


async def test_absent_above_its_last_valid_height_is_absent_forever(network: Network) -> None:
    swap = await signed(network, blockhash=await network.expired_blockhash())
    for chain in (network.chain, network.other) * 2:
        assert verdict(await chain.ask(swap.signature), swap.last_valid_height) == "expired"
        answer = await chain.send(swap, not_after=in_a_while())  # a late send of a slow process
        assert answer is None or answer.outcome is None
    assert verdict(await network.chain.ask(swap.signature), swap.last_valid_height) == "expired"
    assert await network.fills("order") == 0


async def test_a_send_that_is_too_late_is_refused_and_the_swap_can_still_be_sent(network: Network) -> None:
    swap = await signed(network)
    with pytest.raises(DexError, match="outcome_unknown"):
        await network.chain.send(swap, not_after=time.monotonic() - 0.001)
    assert verdict(await network.chain.ask(swap.signature), swap.last_valid_height) == "unknown"
    assert await network.fills("order") == 0
    await network.chain.send(swap, not_after=in_a_while())
    assert (await outcome_of(network.chain, swap)).status == "landed"


async def test_one_question_covers_many_swaps(network: Network) -> None:
    blockhash = await network.chain.blockhash()
    swaps = [await signed(network, memo=str(n), blockhash=blockhash) for n in range(20)]
    brought = {}
    for swap in swaps[:-1]:
        brought[swap.signature] = network.brings()
        await network.chain.send(swap, not_after=in_a_while())
        await outcome_of(network.chain, swap)
    _, ended = await network.other.ended([swap.signature for swap in swaps])
    assert {signature: outcome.amount_out for signature, outcome in ended.items()} == brought


async def test_swaps_are_found_by_the_first_word_of_their_memo(network: Network) -> None:
    swaps = [await signed(network, memo=memo) for memo in ("one", "two a-tag", "twofold", "three")]
    brought = {}
    for swap in swaps:
        brought[swap.signature] = network.brings()
        await network.chain.send(swap, not_after=in_a_while())
        await outcome_of(network.chain, swap)
    height, found = await network.other.find(["two", "three", "four"])
    assert [(swap.memo, swap.about, swap.tag) for swap in found] == [
        ("two a-tag", "two", "a-tag"),
        ("three", "three", None),
    ]
    assert [swap.signature for swap in found] == [swaps[1].signature, swaps[3].signature]
    assert height <= (await network.chain.ended([]))[0]
    one = found[0]
    assert one.outcome is not None
    assert (one.outcome.status, one.outcome.amount_out) == ("landed", brought[one.signature])
    assert (one.venue, one.token_in, one.token_out, one.amount_in) == ("raydium", "SOL", "USDC", 10**9)
    assert abs(one.at - time.time()) < 60


async def test_all_swaps_of_an_order_are_found_also_those_that_failed(network: Network) -> None:
    blockhash = await network.chain.blockhash()
    refused = await network.refused(blockhash)
    await network.chain.send(refused, not_after=in_a_while())
    await outcome_of(network.chain, refused)
    found = (await network.chain.find(["order"]))[1]
    assert [(swap.signature, swap.outcome and swap.outcome.status) for swap in found] == [(refused.signature, "failed")]


async def test_a_swap_that_was_never_sent_is_not_found(network: Network) -> None:
    await signed(network, memo="unsent")
    height, found = await network.chain.find(["unsent"])
    assert found == []
    assert height > 0


async def test_the_newest_swaps_come_in_pages(network: Network) -> None:
    swaps = [await signed(network, memo=str(n)) for n in range(7)]
    for swap in swaps:
        await network.chain.send(swap, not_after=in_a_while())
        await outcome_of(network.chain, swap)
    pages, before = [], None
    while page := await network.other.newest(3, before=before):
        pages.append([swap.memo for swap in page])
        before = page[-1].signature
    assert pages == [["6", "5", "4"], ["3", "2", "1"], ["0"]]
    assert [swap.memo for swap in await network.other.newest(3, after=swaps[4].signature)] == ["6", "5"]
    assert len(await network.other.newest(9, after="1" * 88)) == 7  # that one is not known

    async def known(swaps: Mapping[str, str]) -> set[str]:
        return {signature for signature, about in swaps.items() if about in ("6", "2")}

    found = await network.other.newest(9, known=known)
    assert {swap.memo for swap in found if swap.is_known} == {"6", "2"}
    assert {swap.memo for swap in found if swap.has_landed} == {"5", "4", "3", "1", "0"}


async def test_the_height_never_falls(network: Network) -> None:
    swap = await signed(network, memo="unsent")
    heights = [(await chain.ask(swap.signature)).height for chain in (network.chain, network.other) * 5]
    assert heights == sorted(heights)
    assert (await network.chain.ended([]))[0] >= heights[-1]


async def test_a_payload_of_another_chain_is_a_dex_error(network: Network) -> None:
    swap = replace(await signed(network), payload=b"\x00of another chain\xff")
    with pytest.raises(DexError):
        await network.chain.send(swap, not_after=in_a_while())
    assert await network.fills("order") == 0
