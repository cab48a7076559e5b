"""The mid price of every venue for a pair: exact decimals, from the pools that quotes use too."""

from decimal import Decimal
from fractions import Fraction
from itertools import permutations

from app.dex.markets import Leg, Token
from app.dex.simulated.venues import open_venues
from app.network import open_network
from app.settings import load

NETWORK = open_network(load(mock_seed=1))
VENUES = {venue.name: venue for venue in open_venues(NETWORK.markets, seed=1)}
SLOT = 4_487_500_000
ONE = 10**60  # so many base units that rounding at the mid price does not matter here


def mids(token_in: str, token_out: str, slot: int = SLOT) -> dict[str, Decimal]:
    return dict(NETWORK.mids(NETWORK.markets.token(token_in), NETWORK.markets.token(token_out), slot))


def of_path(path: tuple[Leg, ...], token_in: Token, token_out: Token) -> Fraction:
    """The product of the mid prices of its pools, as a fraction."""
    price = Fraction(10**token_in.decimals, 10**token_out.decimals)
    for leg in path:
        price *= Fraction(VENUES[leg[0].venue].at_mid(leg, ONE, SLOT), ONE)
    return price


def test_a_mid_is_exact_to_18_places_for_every_pair_and_venue() -> None:
    for token_in, token_out in permutations(NETWORK.markets.tokens, 2):
        found = mids(token_in.symbol, token_out.symbol)
        for venue in VENUES:
            paths = NETWORK.markets.paths(venue, token_in, token_out)
            assert (venue in found) == bool(paths)
            if paths:
                exact = max(of_path(path, token_in, token_out) for path in paths)
                assert found[venue].as_tuple().exponent == -18
                assert Fraction(found[venue]) == Fraction(int(exact * 10**18), 10**18)


def test_a_pair_is_priced_near_its_reference_in_both_directions() -> None:
    for price in mids("SOL", "USDC").values():
        assert abs(price - Decimal("149.85")) < 4
    for price in mids("USDC", "BONK").values():  # two hops
        assert abs(price * Decimal("0.00002145") - 1) < Decimal("0.06")


def test_a_pair_that_no_venue_trades_has_no_mids() -> None:
    assert mids("SOL", "SOL") == {}


def test_mids_are_those_of_the_slot() -> None:
    assert len({mids("SOL", "USDC", SLOT + n)["raydium"] for n in range(5)}) == 5
    assert mids("SOL", "USDC") == mids("SOL", "USDC")
