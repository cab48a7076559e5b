"""The simulated venues quote, build and fill from the same pools."""

import pytest

from app.dex.chain import BLOCKHASH_LIFE, Blockhash, Outcome, Snapshot, verdict
from app.dex.errors import NEVER, RECONCILE, RETRY, DexError, may_retry
from app.dex.markets import Markets
from app.dex.quotes import BuiltSwap, Quote, QuoteRequest
from app.dex.router import Router
from app.dex.simulated.venues import Meteora, PoolVenue, Raydium, open_venues
from app.mockchain.transaction import SimulatedSigner, Transaction, decode, sign

MARKETS = Markets.load()
RAYDIUM, METEORA = open_venues(MARKETS, seed=1)
SLOT = 4_487_500_000


def asked(token_in: str, token_out: str, amount: int) -> QuoteRequest:
    return QuoteRequest(MARKETS.token(token_in), MARKETS.token(token_out), amount)


def quoted(venue: PoolVenue, token_in: str, token_out: str, amount: int, slot: int = SLOT) -> Quote:
    return venue.quote_now(asked(token_in, token_out, amount), slot)


def test_every_error_code_is_in_exactly_one_class() -> None:
    assert not RETRY & NEVER
    assert not RECONCILE & (RETRY | NEVER)
    assert may_retry("slippage_exceeded")
    assert not may_retry("zero_output")
    assert not may_retry("outcome_unknown")


def test_fees_are_thirty_and_twenty_basis_points_plus_a_variable_part() -> None:
    assert quoted(RAYDIUM, "SOL", "USDC", 10**9).fee == 3_000_000
    assert 2_000_000 < quoted(METEORA, "SOL", "USDC", 10**9).fee < 3_000_000


def test_the_fees_of_two_hops_are_in_units_of_the_token_in() -> None:
    quote = quoted(RAYDIUM, "RAY", "USDC", 10**8)
    assert quote.route == ("RAY", "SOL", "USDC")
    # 30 bps, and 30 bps of what the second leg gets, at the first leg's price.
    assert quote.fee in (600_000, 600_001)
    first, second = quote.legs
    assert first.amount_out == second.amount_in
    assert quote.price_impact_bps >= max(first.price_impact_bps, second.price_impact_bps)
    assert quote.network_fee > quoted(RAYDIUM, "SOL", "USDC", 10**9).network_fee


def test_a_network_fee_is_converted_to_the_token_out() -> None:
    to_sol, to_usdc = quoted(RAYDIUM, "USDC", "SOL", 10**8), quoted(RAYDIUM, "SOL", "USDC", 10**9)
    assert to_sol.network_cost == to_sol.network_fee == 10_000
    assert to_usdc.network_cost == 1_499  # $0.0014985
    assert to_usdc.net == to_usdc.amount_out - 1_499


def test_nothing_out_is_zero_output_and_one_unit_out_is_a_quote() -> None:
    for venue in (RAYDIUM, METEORA):
        with pytest.raises(DexError, match="zero_output"):
            quoted(venue, "USDC", "SOL", 1)  # the fee is rounded up to all of it
        assert quoted(venue, "USDC", "SOL", 2).amount_out > 0


async def test_the_smallest_amounts_are_not_refused_for_rounding() -> None:
    router = Router([RAYDIUM, METEORA])
    for token_in, token_out in (("USDC", "SOL"), ("SOL", "BONK"), ("USDC", "BONK"), ("JUP", "BONK")):
        for amount in (2, 3, 10, 100):
            route = await router.route(asked(token_in, token_out, amount), SLOT)
            assert all(answer.code is None for answer in route.answers)


def test_meteora_refuses_more_than_its_bins_hold() -> None:
    most = 2**64 - 1
    with pytest.raises(DexError, match="insufficient_liquidity"):
        quoted(METEORA, "SOL", "USDC", most)
    assert quoted(RAYDIUM, "SOL", "USDC", most).price_impact_bps > 9_000


async def test_an_amount_that_would_move_the_market_too_far_has_no_route() -> None:
    with pytest.raises(DexError, match="price_impact_too_high"):
        await Router([RAYDIUM, METEORA]).route(asked("SOL", "USDC", 2**64 - 1), SLOT)


async def test_the_venue_checks_the_floor_again_at_the_fill() -> None:
    quote = quoted(METEORA, "SOL", "USDC", 10**9)
    exact = await METEORA.build(quote, min_amount_out=quote.amount_out)
    assert METEORA.fill(exact, SLOT) == quote.amount_out
    outcomes = [quoted(METEORA, "SOL", "USDC", 10**9, slot).amount_out for slot in range(SLOT, SLOT + 2_000)]
    fallen = SLOT + next(i for i, out in enumerate(outcomes) if out < quote.amount_out)
    risen = SLOT + next(i for i, out in enumerate(outcomes) if out > quote.amount_out)
    with pytest.raises(DexError, match="slippage_exceeded"):
        METEORA.fill(exact, fallen)
    assert METEORA.fill(exact, risen) > quote.amount_out


def test_a_swap_through_a_pool_that_is_gone_is_refused() -> None:
    swap = BuiltSwap("raydium", ("gone",), ("SOL", "USDC"), 1, 1, wrap_sol=True, unwrap_sol=False)
    with pytest.raises(DexError, match="venue_unavailable"):
        RAYDIUM.fill(swap, SLOT)


async def test_the_simulated_delay_is_seeded_and_zero_means_none() -> None:
    waits: dict[int, list[float]] = {1: [], 2: [], 3: []}
    for run, (quote_ms, seed) in {1: (200, 5), 2: (200, 5), 3: (0, 5)}.items():

        async def sleep(seconds: float, run: int = run) -> None:
            waits[run].append(seconds)

        venue = Raydium(MARKETS, seed=seed, quote_ms=quote_ms, sleep=sleep)
        for _ in range(20):
            await venue.quote(asked("SOL", "USDC", 10**9), SLOT)
    assert waits[1] == waits[2]
    assert 0.15 <= min(waits[1]) < 0.2 < max(waits[1]) <= 0.25
    assert waits[3] == []


def test_market_time_does_not_depend_on_the_length_of_a_block() -> None:
    slow, fast = (Meteora(MARKETS, seed=1, block_ms=block_ms) for block_ms in (400, 100))
    assert quoted(slow, "SOL", "USDC", 10**9, 1_000).amount_out == quoted(fast, "SOL", "USDC", 10**9, 4_000).amount_out


HASH = Blockhash("blockhash", 1_000 + BLOCKHASH_LIFE, 1_000)
SIGNER = SimulatedSigner()


async def test_a_simulated_transaction_is_read_back_as_it_was_signed() -> None:
    swap = await METEORA.build(quoted(METEORA, "RAY", "USDC", 10**8), min_amount_out=2**64 - 1)
    signed = await sign(swap, SIGNER, memo="order", attempt=1, blockhash=HASH)
    assert decode(signed.payload) == Transaction(swap, "order")
    assert (signed.venue, signed.last_valid_height) == ("meteora", HASH.last_valid_height)


async def test_signatures_have_87_or_88_digits_as_real_ones_do() -> None:
    swap = await RAYDIUM.build(quoted(RAYDIUM, "SOL", "USDC", 10**9), min_amount_out=1)
    signed = [await sign(swap, SIGNER, memo=str(n), attempt=1, blockhash=HASH) for n in range(100)]
    assert {len(one.signature) for one in signed} == {87, 88}


@pytest.mark.parametrize("payload", [b"", b"\xff\x00", b"{}", b"[1, 2]", b"[1, 2, 3, 4, 5]", b"[1, 2, 3, 4, {}]"])
def test_a_transaction_of_another_chain_is_refused(payload: bytes) -> None:
    with pytest.raises(DexError, match="outcome_unknown"):
        decode(payload)


@pytest.mark.parametrize(
    ("height", "outcome", "proves"),
    [
        (1_150, None, "unknown"),
        (1_151, None, "expired"),
        (1_151, Outcome("landed", 1_150, amount_out=5), "landed"),
        (1_100, Outcome("landed", 1_100), "unknown"),  # its amount is not known yet
        (1_151, Outcome("landed", 1_150), "unknown"),
        (1_100, Outcome("failed", 1_100, code="slippage_exceeded"), "failed"),
    ],
)
def test_absent_proves_nothing_before_the_last_valid_height_has_passed(
    height: int, outcome: Outcome | None, proves: str
) -> None:
    assert verdict(Snapshot(height, outcome), 1_150) == proves
