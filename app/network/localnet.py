"""Moves the prices of the local chain by hand: its pools get other balances, as if somebody had traded in them."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import isqrt, prod

from app.dex.adapters.solana.prices import PoolPrices
from app.dex.adapters.solana.rpc import Rpc
from app.dex.errors import DexError
from app.dex.markets import Leg, Markets, PoolConfig, Token
from app.dex.simulated.launches import CannotLaunch, Launch
from app.dex.simulated.set_prices import Moved, check, moved
from app.localnet.genesis import vaults

MIN_TIMES = 1_000  # so that the product stays the same to a thousandth
AHEAD_SLOTS = 3  # every process reads the pools once a slot


class LocalMarket:
    def __init__(self, rpc: Rpc, markets: Markets, prices: PoolPrices, slot_now: Callable[[], int]) -> None:
        self._rpc = rpc
        self._markets = markets
        self._vaults = vaults(markets)
        self._prices = prices
        self._slot_now = slot_now

    def is_set(self, token_in: Token, token_out: Token, slot: int) -> bool:
        """Never: what its pools hold follows from trades again."""
        return False

    async def set_price(self, token_in: Token, token_out: Token, price: Decimal) -> Moved:
        check(price, token_in, token_out)
        balances: dict[str, int] = {}
        for (pool, x_to_y), *others in self._markets.ways(token_in, token_out):
            # A pair with one pool is measured by the ways over one more token, too.
            first = Fraction(price) / prod(map(self._rate, others))
            held = balanced(self._prices.reserves(pool), first if x_to_y else 1 / first, pool)
            balances |= zip(self._vaults[pool.id], held, strict=True)
        await self._rpc.call("localnet_setBalances", balances)
        await self._prices.refresh()
        return Moved(price, self._slot_now() + AHEAD_SLOTS)

    def _rate(self, leg: Leg) -> Fraction:
        """Tokens out for one token in."""
        pool, x_to_y = leg
        x, y = self._prices.reserves(pool)
        of_x = Fraction(y * 10**pool.x.decimals, x * 10**pool.y.decimals)
        return of_x if x_to_y else 1 / of_x

    async def move(self, token_in: Token, token_out: Token, bps: int) -> Moved:
        pools = self._markets.pools_of(token_in, token_out)
        mids = [self._prices.mid(self._markets, pool.venue, token_in, token_out) for pool in pools]
        known = [mid for mid in mids if mid is not None]
        if not known:
            raise DexError("venue_unavailable", "The prices of the pools are not known.")
        price = moved((min(known) + max(known)) / 2, bps)
        return await self.set_price(token_in, token_out, price)

    async def release(self) -> int:
        return self._slot_now()

    async def launch(self, launch: Launch) -> tuple[PoolConfig, int]:
        raise CannotLaunch("the local chain has the tokens and pools of its list")


def balanced(reserves: tuple[int, int], price: Fraction, pool: PoolConfig) -> tuple[int, int]:
    """Reserves with about the same product, whose mid price of one X is that many Y: exactly, if it has few digits."""
    units = price * 10**pool.y.decimals / 10**pool.x.decimals
    product, (y, x) = reserves[0] * reserves[1], units.as_integer_ratio()
    if (times := isqrt(product // (x * y))) >= MIN_TIMES:
        return x * times, y * times
    held = max(isqrt(product * x // y), 1)
    return held, max(held * y // x, 1)
