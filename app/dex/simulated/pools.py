"""The pools of the simulated venues: a pool of `curves.py` for each configuration and price.

Fills do not change these pools, so a quote depends on the slot only.
"""

from dataclasses import replace
from typing import Protocol

from app.dex import curves
from app.dex.markets import USD_DECIMALS, PoolConfig, Token

Scale = tuple[int, int]
"""A price as a fraction of the reference price."""


class Shape(Protocol):
    """A pool with everything computed that does not depend on the time."""

    def at(self, scale: Scale, now: int) -> curves.Pool:
        """The pool at `now` (Unix seconds), with its reference price times `scale`."""


class Reserves:
    """Raydium: half of the depth in each token. The Y side moves with the price."""

    def __init__(self, config: PoolConfig) -> None:
        self._x = _units(config.depth_usd, 2, config.x)
        self._y = _units(config.depth_usd, 2, config.y)
        self._fee = config.options.get("fee_bps", 30) * 100

    def at(self, scale: Scale, now: int) -> curves.ConstantProductPool:
        above, below = scale
        return curves.ConstantProductPool(self._x, self._y * above // below, self._fee)


class Ladder:
    """Meteora: the depth spread evenly over the bins around the reference price.

    On chain a moving price passes from bin to bin. Then it would jump by a bin step at a time, which is faster than
    this market may move. So here all bins move with the price.
    """

    def __init__(self, config: PoolConfig) -> None:
        step, side = config.options["bin_step"], config.options.get("bins", 30)
        price = (config.x.usd * 10**config.y.decimals << 64) // (config.y.usd * 10**config.x.decimals)
        active = nearest_bin(price, step)
        x = _units(config.depth_usd, 2 * side + 1, config.x)
        y = _units(config.depth_usd, 2 * side + 1, config.y)
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
        base_factor, surplus = divmod(config.options.get("base_fee_bps", 20) * 10**4, step)
        if surplus:
            raise ValueError("the base fee is not a multiple of what this bin step can express")
        fees = curves.DlmmFees(
            bin_step=step,
            base_factor=base_factor,
            base_fee_power_factor=0,
            filter_period=30,
            decay_period=600,
            reduction_factor=5_000,
            variable_fee_control=config.options.get("variable_fee_control", 40_000),
            max_volatility_accumulator=350_000,
        )
        volatility = config.options.get("volatility_bps", 120) * 10**4 // step
        self._reference = curves.DlmmPool(fees, active, volatility, volatility, active, 0, tuple(bins))

    def at(self, scale: Scale, now: int) -> curves.DlmmPool:
        above, below = scale
        bins = tuple(curves.Bin(i, x, y, price * above // below) for i, x, y, price in self._reference.bins)
        # As if traded a moment ago: the volatility it remembers has not started to decay.
        return replace(self._reference, bins=bins, last_update_timestamp=now)


def scale_to(price: tuple[int, int], config: PoolConfig) -> Scale:
    """The scale that gives a pool this price: whole Y for one whole X, as a fraction."""
    y, x = price
    return y * config.y.usd, x * config.x.usd


def nearest_bin(price: int, bin_step: int) -> int:
    """The highest bin whose price is not above `price`. Prices rise with the id, so a binary search finds it."""
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
    """One of `parts` equal parts of a depth in dollars, in units of a token at its reference price."""
    return int(depth_usd * 10 ** (USD_DECIMALS + token.decimals) // (parts * token.usd))
