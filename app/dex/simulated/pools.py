"""The simulated venues' pools: a configured market at a moment's drift, as a pool of `curves.py`.

Depth is configured: fills leave these pools as they are, so a quote depends on nothing but the slot.
"""

from dataclasses import replace
from typing import Protocol

from app.dex import curves
from app.dex.markets import USD_DECIMALS, Market, Token
from app.dex.simulated.drift import BILLION


class Shape(Protocol):
    """A market's pool with everything worked out that does not depend on the moment."""

    def at(self, drift: int, now: int) -> curves.Pool:
        """The pool at `now` (Unix seconds), when its price is `drift` billionths off the reference."""


class Reserves:
    """Raydium: half the depth in each token, the Y side moving with the price."""

    def __init__(self, market: Market) -> None:
        self._x = _units(market.depth_usd, 2, market.x)
        self._y = _units(market.depth_usd, 2, market.y)
        self._fee = market.options.get("fee_bps", 30) * 100

    def at(self, drift: int, now: int) -> curves.ConstantProductPool:
        return curves.ConstantProductPool(self._x, self._y * (BILLION + drift) // BILLION, self._fee)


class Ladder:
    """Meteora: the depth spread evenly over the bins around the reference price.

    On chain a moving price walks from bin to bin. Here the whole ladder moves with it: walking, the price
    would jump by a bin step at a time, faster than this market is allowed to move.
    """

    def __init__(self, market: Market) -> None:
        step, side = market.options["bin_step"], market.options.get("bins", 30)
        price = (market.x.usd * 10**market.y.decimals << 64) // (market.y.usd * 10**market.x.decimals)
        active = nearest_bin(price, step)
        x = _units(market.depth_usd, 2 * side + 1, market.x)
        y = _units(market.depth_usd, 2 * side + 1, market.y)
        center = curves.bin_price(active, step)
        bins = [
            curves.Bin(
                active + i,
                0 if i < 0 else x if i else x // 2,
                0 if i > 0 else y if i else y // 2,
                curves.bin_price(active + i, step) * price // center,
            )
            for i in range(-side, side + 1)
        ]
        # A basis point is 10⁵ billionths; the program multiplies its factor by ten and by the bin step.
        base_factor, surplus = divmod(market.options.get("base_fee_bps", 20) * 10**4, step)
        if surplus:
            raise ValueError("the base fee is not a multiple of what this bin step can say")
        fees = curves.DlmmFees(
            bin_step=step,
            base_factor=base_factor,
            base_fee_power_factor=0,
            filter_period=30,
            decay_period=600,
            reduction_factor=5_000,
            variable_fee_control=market.options.get("variable_fee_control", 40_000),
            max_volatility_accumulator=350_000,
        )
        volatility = market.options.get("volatility_bps", 120) * 10**4 // step
        self._reference = curves.DlmmPool(fees, active, volatility, volatility, active, 0, tuple(bins))

    def at(self, drift: int, now: int) -> curves.DlmmPool:
        scale = BILLION + drift
        bins = tuple(curves.Bin(i, x, y, price * scale // BILLION) for i, x, y, price in self._reference.bins)
        # Traded a moment ago, so the volatility it remembers has not begun to decay.
        return replace(self._reference, bins=bins, last_update_timestamp=now)


def nearest_bin(price: int, bin_step: int) -> int:
    """The highest bin whose price is not above `price`. Prices rise with the id: no logarithm is needed."""
    low = -(443_636 // bin_step)
    high = -low
    while low < high:
        middle = (low + high + 1) // 2
        if curves.bin_price(middle, bin_step) <= price:
            low = middle
        else:
            high = middle - 1
    return low


def _units(depth_usd: int, parts: int, token: Token) -> int:
    """One part of a depth in dollars, as units of a token at its reference price."""
    return int(depth_usd * 10 ** (USD_DECIMALS + token.decimals) // (parts * token.usd))
