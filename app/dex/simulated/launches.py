"""Launches on the simulated market: a new token, and its pool on a venue."""

from dataclasses import dataclass

from app.dex.amounts import MAX_UNITS
from app.dex.markets import USD_DECIMALS, Markets, PoolConfig, Token, address, new_pool

OPTIONS = {"meteora": {"bin_step": 20}}  # settings that a pool of this venue needs


class CannotLaunch(ValueError):
    """The message is a sentence for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    venue: str
    symbol: str
    name: str
    decimals: int
    usd: int
    """The price of one token, in 10⁻¹² dollars."""
    quote: str
    """The token that it is traded against."""
    depth_usd: int


def mint_of(symbol: str) -> str:
    """The address of the token that is launched under this symbol: known before, so that orders can wait for it."""
    return address(f"mint/{symbol}")


def pool_of(launch: Launch, markets: Markets) -> PoolConfig:
    """The pool, with its tokens. Raises `CannotLaunch`."""
    token = Token(launch.symbol, mint_of(launch.symbol), launch.name, launch.decimals, launch.usd)
    taken = next((one for one in markets.tokens if one.symbol.lower() == launch.symbol.lower()), None)
    if taken is not None and taken != token:
        raise CannotLaunch("another token has this symbol")
    quote = markets.token(launch.quote)
    for side in (token, quote):
        units = launch.depth_usd * 10 ** (USD_DECIMALS + side.decimals) // (2 * side.usd)
        if not 1_000 <= units <= MAX_UNITS:
            raise CannotLaunch("at this price a pool of this depth holds too many or too few units of a token")
    return new_pool(launch.venue, token, quote, launch.depth_usd, 1, dict(OPTIONS.get(launch.venue, {})))
