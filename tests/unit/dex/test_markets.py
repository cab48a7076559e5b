"""The markets that come with the engine, and how they move."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dex import base58
from app.dex.curves import bin_price
from app.dex.markets import Markets, Token, UnknownToken, address, new_pool
from app.dex.quotes import QuoteRequest
from app.dex.simulated.drift import BILLION, CYCLE_MS, drift
from app.dex.simulated.pools import nearest_bin
from app.dex.simulated.venues import open_venues
from app.watcher.snipers import depths

MARKETS = Markets.load()
moments = st.integers(1_700_000_000_000, 2_000_000_000_000)


def test_tokens_are_known_by_symbol_and_by_mint() -> None:
    assert {token.symbol for token in MARKETS.tokens} == {"SOL", "USDC", "USDT", "RAY", "JUP", "BONK"}
    for token in MARKETS.tokens:
        assert MARKETS.token(token.symbol) is MARKETS.token(token.mint) is token
        assert len(base58.decode(token.mint)) == 32


@pytest.mark.parametrize("name", ["", "sol", "WIF", "So1111111111111111111111111111111111111111", "SOL "])
def test_an_unknown_token_is_not_repeated(name: str) -> None:
    with pytest.raises(UnknownToken) as refused:
        MARKETS.token(name)
    assert refused.value.code == "unsupported_pair"
    assert not name or name not in refused.value.detail


def test_both_venues_serve_every_usual_pair_directly_or_in_two_hops() -> None:
    for token_in in MARKETS.tokens:
        for token_out in MARKETS.tokens:
            served = MARKETS.serves(token_in, token_out)
            assert served is (token_in != token_out)
    sol, usdc, ray = (MARKETS.token(symbol) for symbol in ("SOL", "USDC", "RAY"))
    assert [len(path) for path in MARKETS.paths("raydium", sol, usdc)] == [1]
    assert {len(path) for path in MARKETS.paths("raydium", ray, usdc)} == {2}
    assert not MARKETS.serves(sol, usdc, only=["nowhere"])


def test_pool_ids_have_the_form_of_addresses_and_never_change() -> None:
    assert all(len(base58.decode(pool.id)) == 32 for pool in MARKETS.pools)
    assert [pool.id for pool in MARKETS.pools] == [pool.id for pool in Markets.load().pools]


def test_a_bin_is_found_for_every_price() -> None:
    for step in (1, 10, 100):
        for bin_id in (-5_000 // step, -1, 0, 1, 4_000 // step):
            price = bin_price(bin_id, step)
            assert nearest_bin(price, step) == bin_id
            assert nearest_bin(price + 1, step) == bin_id
            assert nearest_bin(price - 1, step) == bin_id - 1


@given(st.integers(0, 2**32), st.sampled_from([1, -1]), moments, st.integers(1, 5_000))
def test_no_price_moves_more_than_two_basis_points_a_second(seed: int, lean: int, at_ms: int, later: int) -> None:
    before, after = (BILLION + drift(seed, "SOL-USDC", lean, ms) for ms in (at_ms, at_ms + later))
    assert abs(after - before) * 10_000 * 1_000 <= 2 * later * before


@given(st.integers(0, 2**32), st.sampled_from(["SOL-USDC", "JUP-SOL"]))
def test_two_pools_of_a_pair_differ_by_up_to_two_to_five_percent_and_cross(seed: int, pair: str) -> None:
    start = 1_795_000_000_000
    gaps = [
        2 * drift(seed, pair, 1, ms) for ms in range(start, start + 2 * CYCLE_MS, 2_000)
    ]  # the other side is its mirror image
    assert BILLION // 50 <= max(gaps) <= BILLION // 20
    assert -BILLION // 20 <= min(gaps) <= -BILLION // 50
    crossings = sum(1 for a, b in pairwise(gaps) if (a < 0) != (b < 0))
    assert crossings > 200


def test_both_venues_win_within_seconds() -> None:
    venues = open_venues(MARKETS, seed=1)
    request = QuoteRequest(MARKETS.token("SOL"), MARKETS.token("USDC"), 10**9)
    start = 1_795_000_000_000 // 400
    winners = [
        max(venues, key=lambda venue: venue.quote_now(request, slot).net).name for slot in range(start, start + 5_000)
    ]
    # Five orders two seconds apart, at any moment of half an hour.
    demos = [set(winners[i : i + 25 : 5]) for i in range(len(winners) - 25)]
    assert sum(len(demo) == 2 for demo in demos) > 0.75 * len(demos)


@pytest.mark.parametrize("text", ["", "WIF", "1" * 31, "1" * 33, "0" * 44, "z" * 44, "1" * 10_000, "\u0661" * 32])
def test_an_address_is_32_bytes(text: str) -> None:
    assert not base58.is_address(text)
    assert base58.is_address("1" * 32)
    assert base58.is_address(address("mint/WIF"))


def test_no_more_is_decoded_than_a_transaction_has() -> None:
    """The time grows with the square of the length, and a node may answer with megabytes."""
    assert len(base58.decode("z" * 1_650)) > 1_200
    with pytest.raises(ValueError, match="longer"):
        base58.decode("z" * 3_000)


def test_whoever_asked_hears_of_a_new_pool_and_only_of_a_new_one() -> None:
    markets, heard = Markets.load(), list[int]()
    markets.on_growth(lambda: heard.append(len(markets.pools)))
    token = Token("WIF", address("mint/WIF"), "dogwifhat", 6, 250_000_000_000)
    pool = new_pool("raydium", token, markets.token("SOL"), 50_000, 1, {})
    for _ in range(2):
        markets.add((token,), (pool,))
    assert heard == [len(Markets.load().pools) + 1]
    assert markets.find(token.mint) == token
    assert markets.find("WIFF") is None


def test_the_depth_of_a_token_is_that_of_its_pools_on_each_venue_and_on_all() -> None:
    markets = Markets.load()
    token = Token("WIF", address("mint/WIF"), "dogwifhat", 6, 250_000_000_000)
    pools = [new_pool(venue, token, markets.token("SOL"), usd, 1, {}) for venue, usd in (("a", 5_000), ("b", 7_000))]
    found = depths(Markets((token, markets.token("SOL")), pools))
    assert (found[token.mint], found[f"{token.mint}@a"], found[f"{token.mint}@b"]) == (12_000, 5_000, 7_000)
    assert found[markets.token("SOL").mint] == 12_000
