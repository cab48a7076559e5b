"""Pairs of tokens: those whose price orders wait for, and those that have a pool."""

import asyncio
from datetime import datetime
from decimal import Decimal

from app.dex.markets import Markets, Token
from app.network import Network
from app.tasks import count_failure


def tokens(markets: Markets, feed: str) -> tuple[Token, Token]:
    token_in, _, token_out = feed.partition("/")
    return markets.token(token_in), markets.token(token_out)


def min_venues(markets: Markets, feed: str) -> int:
    """Two, unless only one trades this pair: a venue that is down must not leave the decision to the other."""
    return min(2, sum(bool(markets.paths(venue, *tokens(markets, feed))) for venue in markets.venues))


async def pool_mids(network: Network, moment: datetime) -> dict[str, dict[str, Decimal]]:
    """The mids of every pair with a pool: of each venue, tokens of the second symbol for one of the first."""
    found, slot = {}, network.slot_at(moment)
    for pair, ends in {pool.pair: (pool.x, pool.y) for pool in network.markets.pools}.items():
        first, second = sorted(ends, key=lambda token: token.symbol)
        try:
            if mids := network.mids(first, second, slot):
                found[pair] = dict(mids)
        except Exception:  # the other pairs have a price
            count_failure("price history")
        await asyncio.sleep(0)  # orders that wait for this slot come first
    return found
