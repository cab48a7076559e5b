"""The pair of tokens whose price orders wait for."""

from app.dex.markets import Markets, Token


def tokens(markets: Markets, feed: str) -> tuple[Token, Token]:
    token_in, _, token_out = feed.partition("/")
    return markets.token(token_in), markets.token(token_out)


def min_venues(markets: Markets, feed: str) -> int:
    """Two, unless only one trades this pair: a venue that is down must not leave the decision to the other."""
    return min(2, sum(bool(markets.paths(venue, *tokens(markets, feed))) for venue in markets.venues))
