"""What an amount is worth in dollars, at the mid prices of the pools between its token and USDC.

A USDC counts as one dollar. Values are whole millionths of a dollar, the base units of USDC, rounded down.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.dex.errors import DexError
from app.dex.markets import Leg, Markets, Token

DOLLAR = "USDC"
USD_PLACES = 6
DEEP = 10  # times what is measured: who moves such a pool to half its price pays in four times as much
NEAR_PERCENT = 1  # between what two nodes tell about a price that are believed


class PricedVenue(Protocol):
    """Knows the prices of its pools without asking anyone: a value must cost microseconds."""

    def at_mid(self, leg: Leg, amount_in: int, slot: int) -> int:
        """The amount out of one of its pools at the mid price, without fee and price impact."""


class ToldVenue(PricedVenue, Protocol):
    """Its prices are what nodes tell, who may not tell the same."""

    def held_in(self, leg: Leg) -> int:
        """What one of its pools holds of the token that goes in. `DexError`: its price is not known."""

    def at_most(self, leg: Leg, amount_in: int, slot: int) -> int:
        """As `at_mid`, and of a pool about which they do not tell the same, the most that one of them says."""


def highest_at_mid(
    markets: Markets, prices: ToldVenue, token_in: Token, token_out: Token, amount: int, slot: int, *, parts: int = 1
) -> int | None:
    """The most that listed pools of any venue bring at mid price. Unless two direct pools are known and deep, those
    over one more token count, too: the others may have been emptied, and then anybody moves their price.

    Who moves one pool makes this higher at most, if there is another way. So does a node that lies about one:
    `DexError` if it is higher by more than they may differ in. None: no price is known. `parts`: of a unit, in which it
    is told; with one, a token in between of which a unit is worth much would make it less.
    """

    def is_deep(leg: Leg) -> bool:
        try:
            return prices.held_in(leg) >= DEEP * amount
        except DexError:
            return False

    ways = markets.ways(token_in, token_out, is_deep=is_deep)
    known, told = (
        max((out for way in ways if (out := _along(way, price, amount * parts, slot)) is not None), default=None)
        for price in (prices.at_mid, prices.at_most)
    )
    if told is not None and told * 100 > (known or 0) * (100 + NEAR_PERCENT):
        raise DexError("venue_unavailable", "The nodes do not tell the same about the price of this pair.")
    return known


def _along(way: Sequence[Leg], price: Callable[[Leg, int, int], int], amount: int, slot: int) -> int | None:
    """None: the price of one of its pools is not known."""
    try:
        for leg in way:
            amount = price(leg, amount, slot)
    except DexError:
        return None
    return amount


class Valuation:
    """Goes the direct way to USDC, or else over one more token. Of several ways it takes the one with the deepest
    pools, whose price is the hardest to move.
    """

    def __init__(self, markets: Markets, venues: Mapping[str, PricedVenue]) -> None:
        self._markets = markets
        self._venues = venues
        self._paths: dict[str, tuple[Leg, ...]] = {}

    def usd(self, token: Token, units: int, slot: int) -> int | None:
        """None: the token has no price in dollars."""
        path = self._paths.get(token.symbol) or self._find(token)
        if path is None:
            return None
        for leg in path:
            units = self._venues[leg[0].venue].at_mid(leg, units, slot)
        return units

    def _find(self, token: Token) -> tuple[Leg, ...] | None:
        if token.symbol == DOLLAR:
            return ()
        paths = self._markets.paths(None, token, self._markets.token(DOLLAR))
        priced = [path for path in paths if all(pool.venue in self._venues for pool, _ in path)]
        if not priced:
            return None
        self._paths[token.symbol] = max(priced, key=lambda path: min(pool.depth_usd for pool, _ in path))
        return self._paths[token.symbol]
