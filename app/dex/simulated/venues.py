"""The simulated venues: they quote from the curve of a pool and build the swap to sign.

`docs/adding-a-venue.md` lists the SDK calls that a real venue makes instead.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from random import Random
from typing import ClassVar

from app.dex import curves
from app.dex.errors import DexError
from app.dex.markets import NATIVE_SOL, Leg, Markets, PoolConfig, Token, VenueFees
from app.dex.quotes import BuiltSwap, Quote, QuoteLeg, QuoteRequest
from app.dex.simulated.drift import BILLION, drift
from app.dex.simulated.pools import Ladder, Reserves, Shape, scale_to
from app.dex.simulated.set_prices import SetPrices

PRICE_PLACES = 18
_SPARE_PLACES = 18  # so that rounding between two hops does not reach the places that are kept


class PoolVenue:
    """A simulated venue, except for the shape of its pools."""

    name: ClassVar[str]

    def shape(self, config: PoolConfig) -> Shape:
        """A pool of this venue, with everything computed that does not depend on the time."""
        raise NotImplementedError

    def __init__(
        self,
        markets: Markets,
        *,
        seed: int,
        quote_ms: int = 0,
        block_ms: int = 400,
        set_prices: SetPrices | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._markets = markets
        self._seed = seed
        self._block_ms = block_ms
        self._quote_ms = quote_ms
        self.in_process = not quote_ms
        self._set_prices = set_prices or SetPrices()
        self._jitter = Random(f"{seed}/{self.name}")
        self._sleep = sleep
        self._shapes: dict[str, tuple[PoolConfig, Shape]] = {}
        self._add_shapes()
        self._pools: dict[tuple[str, int, tuple[int, int] | None], curves.Pool] = {}
        self._fees = markets.fees.get(self.name, VenueFees())

    def _add_shapes(self) -> None:
        for config in self._markets.pools:
            if config.venue == self.name and config.id not in self._shapes:
                self._shapes[config.id] = config, self.shape(config)

    async def quote(self, request: QuoteRequest, slot: int) -> Quote:
        if self._quote_ms:
            await self._sleep(self._quote_ms * self._jitter.uniform(0.75, 1.25) / 1000)
        return self.quote_now(request, slot)

    def quote_now(self, request: QuoteRequest, slot: int) -> Quote:
        """The quote, without the simulated delay."""
        paths = self._markets.paths(self.name, request.token_in, request.token_out)
        if not paths:
            raise DexError("unsupported_pair", "The venue has no pools for this pair.")
        best: tuple[QuoteLeg, ...] | None = None
        refused: DexError | None = None
        for path in paths:
            try:
                legs = self._walk(path, request.amount_in, slot)
            except DexError as error:
                refused = refused or error
                continue
            if best is None or legs[-1].amount_out > best[-1].amount_out:
                best = legs
        if best is None:
            assert refused is not None
            raise refused
        fee, untouched = best[0].fee, 10_000 - best[0].price_impact_bps
        for leg in best[1:]:
            fee += -(-leg.fee * request.amount_in // leg.amount_in)
            untouched = untouched * (10_000 - leg.price_impact_bps) // 10_000
        lamports = self._fees.network_fee + self._fees.network_fee_per_extra_leg * (len(best) - 1)
        return Quote(
            self.name,
            request.amount_in,
            best[-1].amount_out,
            fee,
            10_000 - untouched,
            slot,
            best,
            lamports,
            self._markets.network_cost(lamports, request.token_out),
        )

    async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
        route = quote.route
        return BuiltSwap(
            self.name,
            tuple(leg.pool for leg in quote.legs),
            route,
            quote.amount_in,
            min_amount_out,
            wrap_sol=route[0] == NATIVE_SOL,
            unwrap_sol=route[-1] == NATIVE_SOL,
        )

    def fill(self, swap: BuiltSwap, slot: int) -> int:
        """For the simulated chain: the amount out of a swap that lands at a slot; `DexError` if it fails."""
        path: list[Leg] = []
        for pool, token_in in zip(swap.pools, swap.route, strict=False):
            if pool not in self._shapes:
                self._add_shapes()
            if pool not in self._shapes:
                raise DexError("venue_unavailable", "The venue no longer has this pool.")
            config, _ = self._shapes[pool]
            path.append((config, config.x.symbol == token_in))
        out = self._walk(tuple(path), swap.amount_in, slot)[-1].amount_out
        if out < swap.min_amount_out:
            raise DexError("slippage_exceeded", "The price moved below the order's minimum.")
        return out

    def at_mid(self, leg: Leg, amount_in: int, slot: int) -> int:
        """The amount out of one of its pools at the mid price, without fee and price impact."""
        config, x_to_y = leg
        if price := self._set_prices.of_pool(config, slot * self._block_ms):
            # Exactly that price: the pool's own is rounded, so it could be just below it.
            y, x = price[0] * int(10**config.y.decimals), price[1] * int(10**config.x.decimals)
            return amount_in * y // x if x_to_y else amount_in * x // y
        return self._pool(config, slot).at_mid(amount_in, x_to_y)

    def mid(self, token_in: Token, token_out: Token, slot: int) -> Decimal | None:
        """Tokens out for one token in at the mid prices of its best path, rounded down to `PRICE_PLACES`."""
        one = 10 ** (token_in.decimals + PRICE_PLACES + _SPARE_PLACES)
        outs = [self._path_at_mid(path, one, slot) for path in self._markets.paths(self.name, token_in, token_out)]
        if not outs:
            return None
        # From text, which keeps every digit: arithmetic with a Decimal rounds to 28.
        return Decimal(f"{max(outs) // 10 ** (token_out.decimals + _SPARE_PLACES)}E-{PRICE_PLACES}")

    def _path_at_mid(self, path: tuple[Leg, ...], amount: int, slot: int) -> int:
        for leg in path:
            amount = self.at_mid(leg, amount, slot)
        return amount

    def _walk(self, path: tuple[Leg, ...], amount_in: int, slot: int) -> tuple[QuoteLeg, ...]:
        legs, amount, now = [], amount_in, slot * self._block_ms // 1000
        for config, x_to_y in path:
            pool = self._pool(config, slot)
            swap = pool.swap(amount, x_to_y, now)
            if swap.amount_out == 0:
                raise DexError("zero_output", "Nothing would come out for so small an amount.")
            ends = (config.x.symbol, config.y.symbol)
            token_in, token_out = ends if x_to_y else ends[::-1]
            out, impact, at_mid = swap.amount_out, swap.price_impact_bps, pool.at_mid(amount, x_to_y)
            legs.append(QuoteLeg(config.id, token_in, token_out, amount, out, swap.fee, impact, at_mid))
            amount = out
        return tuple(legs)

    def _pool(self, config: PoolConfig, slot: int) -> curves.Pool:
        at_ms = slot * self._block_ms
        price = self._set_prices.of_pool(config, at_ms)
        key = (config.id, slot, price)
        pool = self._pools.get(key)
        if pool is None:
            if len(self._pools) >= 512:
                self._pools.clear()
            if config.id not in self._shapes:  # it was launched meanwhile
                self._add_shapes()
            shape = self._shapes[config.id][1]
            if price is None:
                scale = BILLION + drift(self._seed, config.pair, config.lean, at_ms), BILLION
            else:
                scale = scale_to(price, config)
            pool = shape.at(scale, at_ms // 1000)
            self._pools[key] = pool
        return pool


class Raydium(PoolVenue):
    """Constant-product pools."""

    name = "raydium"

    def shape(self, config: PoolConfig) -> Shape:
        return Reserves(config)


class Meteora(PoolVenue):
    """DLMM pools."""

    name = "meteora"

    def shape(self, config: PoolConfig) -> Shape:
        return Ladder(config)


KINDS: tuple[type[PoolVenue], ...] = (Raydium, Meteora)


def open_venues(
    markets: Markets, *, seed: int, quote_ms: int = 0, block_ms: int = 400, set_prices: SetPrices | None = None
) -> Sequence[PoolVenue]:
    """All simulated venues, over the same tokens and pools."""
    return [kind(markets, seed=seed, quote_ms=quote_ms, block_ms=block_ms, set_prices=set_prices) for kind in KINDS]
