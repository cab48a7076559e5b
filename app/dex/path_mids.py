"""The mid price of a swap in one or two hops, from those of its pairs."""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal

from app.dex.markets import Leg, Markets, Token

DIGITS = Context(prec=12)  # enough to draw, and few enough that a double keeps them

Mids = Mapping[str, Mapping[str, Decimal]]  # pair of a pool → venue → tokens of the second symbol for one of the first


def pairs_between(markets: Markets, token_in: Token, token_out: Token) -> set[str]:
    """The pairs whose pools any venue's paths go through."""
    return {
        pool.pair for venue in markets.venues for path in markets.paths(venue, token_in, token_out) for pool, _ in path
    }


def path_mids(markets: Markets, token_in: Token, token_out: Token, mids: Mids) -> dict[str, Decimal]:
    """Of each venue: tokens out for one token in, on its best path of which every price is known."""
    found = {}
    for venue in markets.venues:
        known = [_along(path, venue, mids) for path in markets.paths(venue, token_in, token_out)]
        if best := max((price for price in known if price is not None), default=None):
            found[venue] = DIGITS.plus(best)
    return found


def _along(path: Iterable[Leg], venue: str, mids: Mids) -> Decimal | None:
    price = Decimal(1)
    for pool, x_to_y in path:
        mid = mids.get(pool.pair, {}).get(venue)
        if not mid:  # unknown, or too small to be turned around
            return None
        price = price * mid if x_to_y == (pool.x.symbol < pool.y.symbol) else price / mid
    return price
