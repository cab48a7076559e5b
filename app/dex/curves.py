"""Pool mathematics as the venues' programs do it: integers, rounded where they round, no I/O and no clock.

Raydium's constant product and Meteora's DLMM bins give the same digits as the venues' own SDKs. A swap that the pool
cannot fill completely is refused. Pools are values: a swap returns the pool after it.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from app.dex.errors import DexError

MILLION = 10**6
BPS = 10**4
FEE_PRECISION = 10**9
MAX_FEE_RATE = 10**8
"""A DLMM pool never takes more than 10 %."""

ONE_Q64 = 1 << 64
MAX_U128 = (1 << 128) - 1
MAX_EXPONENT = 1 << 19

PoolT_co = TypeVar("PoolT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Swap(Generic[PoolT_co]):
    """One exact-in swap."""

    amount_in: int
    amount_out: int
    fee: int
    """The whole fee in units of the token in: the shares of liquidity providers and protocol together."""
    price_impact_bps: int
    """How far the swap moved the price from the pool's mid, without the fee. Rounded up, so never understated."""
    pool: PoolT_co
    """The pool after the swap."""


class Pool(Protocol):
    """A pool that a venue quotes from."""

    def swap(self, amount_in: int, x_to_y: bool, now: int) -> "Swap[Pool]":
        """Sell `amount_in` of X (or of Y) at `now`, in Unix seconds."""

    def at_mid(self, amount_in: int, x_to_y: bool) -> int:
        """The amount out at the pool's mid price, without fee and impact."""


@dataclass(frozen=True, slots=True)
class ConstantProductPool:
    reserve_x: int
    reserve_y: int
    fee_millionths: int

    def swap(self, amount_in: int, x_to_y: bool, now: int = 0) -> "Swap[ConstantProductPool]":
        if x_to_y:
            return constant_product(amount_in, self.reserve_x, self.reserve_y, self.fee_millionths)
        swap = constant_product(amount_in, self.reserve_y, self.reserve_x, self.fee_millionths)
        after = ConstantProductPool(swap.pool.reserve_y, swap.pool.reserve_x, self.fee_millionths)
        return Swap(swap.amount_in, swap.amount_out, swap.fee, swap.price_impact_bps, after)

    def at_mid(self, amount_in: int, x_to_y: bool) -> int:
        if x_to_y:
            return amount_in * self.reserve_y // self.reserve_x
        return amount_in * self.reserve_x // self.reserve_y


def constant_product(
    amount_in: int, reserve_in: int, reserve_out: int, fee_millionths: int
) -> Swap[ConstantProductPool]:
    """x·y = k on the amount less the fee. The pool after it, with the token in as X, keeps the whole fee."""
    _positive(amount_in)
    if not 0 <= fee_millionths <= MILLION:
        raise ValueError("a fee is between 0 and a million millionths")
    if reserve_in <= 0 or reserve_out <= 0:
        raise _too_little()
    fee = -(-amount_in * fee_millionths // MILLION)
    net = amount_in - fee
    out = net * reserve_out // (reserve_in + net)
    after = ConstantProductPool(reserve_in + amount_in, reserve_out - out, fee_millionths)
    return Swap(amount_in, out, fee, -(-net * BPS // (reserve_in + net)), after)


@lru_cache(10_000)
def bin_price(bin_id: int, bin_step: int) -> int:
    """The price of a bin, Y per X in Q64.64: (1 + step/10⁴)^id, or 0 if 128 bits cannot express it."""
    if bin_id == 0:
        return ONE_Q64
    exponent, inverted = abs(bin_id), bin_id < 0
    if exponent > MAX_EXPONENT:
        return 0
    square, price = ONE_Q64 + (bin_step << 64) // BPS, ONE_Q64
    if square >= price:
        # Powers of a number below one cannot overflow. The result is inverted at the end.
        square, inverted = MAX_U128 // square, not inverted
    for bit in range(19):
        if exponent >> bit & 1:
            price = price * square >> 64
        square = square * square >> 64
    if price == 0:
        return 0
    return MAX_U128 // price if inverted else price


class Bin(NamedTuple):
    id: int
    amount_x: int
    amount_y: int
    price: int
    """Q64.64, Y per X."""


@dataclass(frozen=True, slots=True)
class DlmmFees:
    """The fee parameters of a pool, under the names that the program uses."""

    bin_step: int
    base_factor: int
    base_fee_power_factor: int
    filter_period: int
    decay_period: int
    reduction_factor: int
    variable_fee_control: int
    max_volatility_accumulator: int

    def rate(self, volatility: int) -> int:
        """The fee rate in billionths at a volatility accumulator: base plus variable part, capped."""
        base = self.base_factor * self.bin_step * int(10 ** (1 + self.base_fee_power_factor))
        variable = -(-self.variable_fee_control * (volatility * self.bin_step) ** 2 // 10**11)
        return min(base + variable, MAX_FEE_RATE)


@dataclass(frozen=True, slots=True)
class DlmmPool:
    fees: DlmmFees
    active_id: int
    volatility_accumulator: int
    volatility_reference: int
    index_reference: int
    last_update_timestamp: int
    bins: tuple[Bin, ...]
    """Sorted by id, each id once. A missing id holds nothing."""

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> "DlmmPool":
        """Read a pool in the form of the program's accounts; a bin is `[amount_x, amount_y, price_q64]`."""
        if int(data.get("collect_fee_mode", 0)) != 0:
            raise ValueError("only pools that take their fee from the token in are supported")
        fees = DlmmFees(**{name: int(data[name]) for name in DlmmFees.__dataclass_fields__})
        bins = []
        for key, (amount_x, amount_y, *stored) in data["bins"].items():
            # An unused bin stores no price. The program computes it on first use.
            price = (int(stored[0]) if stored else 0) or bin_price(int(key), fees.bin_step)
            if price <= 0:
                raise ValueError("the price of a bin is outside the program's range")
            bins.append(Bin(int(key), int(amount_x), int(amount_y), price))
        return DlmmPool(
            fees,
            int(data["active_id"]),
            int(data["volatility_accumulator"]),
            int(data["volatility_reference"]),
            int(data["index_reference"]),
            int(data["last_update_timestamp"]),
            tuple(sorted(bins)),
        )

    def at_mid(self, amount_in: int, x_to_y: bool) -> int:
        price = self._active_price()
        return amount_in * price >> 64 if x_to_y else (amount_in << 64) // price

    def swap(self, amount_in: int, x_to_y: bool, now: int) -> "Swap[DlmmPool]":
        """Takes bin by bin from the active one until the amount is spent: X for Y downwards, Y for X upwards."""
        _positive(amount_in)
        index, reference, volatility = self._references(now)
        bins, mid = list(self.bins), self._active_price()
        place = bisect_left(self.bins, (self.active_id + x_to_y,)) - x_to_y
        step = -1 if x_to_y else 1
        left, out, fee, paid, worth = amount_in, 0, 0, 0, 0
        active = self.active_id
        while left:
            if not 0 <= place < len(bins):
                raise _too_little()
            bin_ = bins[place]
            if bin_.amount_y if x_to_y else bin_.amount_x:
                active = bin_.id
                volatility = min(reference + abs(index - active) * BPS, self.fees.max_volatility_accumulator)
                taken, gave, charged = _swap_in_bin(bin_, left, x_to_y, self.fees.rate(volatility))
                net = taken - charged
                left, out, fee = left - taken, out + gave, fee + charged
                paid += net
                # The value of `paid` at these prices, measured at mid: the impact without rounding.
                worth += (net * bin_.price << 64) // mid if x_to_y else (net * mid << 64) // bin_.price
                bins[place] = bin_._replace(
                    amount_x=bin_.amount_x + net if x_to_y else bin_.amount_x - gave,
                    amount_y=bin_.amount_y - gave if x_to_y else bin_.amount_y + net,
                )
            place += step
        impact = -(-((paid << 64) - worth) * BPS // (paid << 64)) if paid else 0
        after = DlmmPool(self.fees, active, volatility, reference, index, now, tuple(bins))
        return Swap(amount_in, out, fee, max(impact, 0), after)

    def _references(self, now: int) -> tuple[int, int, int]:
        """Index reference, volatility reference and accumulator at the start of a swap at `now`."""
        elapsed = now - self.last_update_timestamp
        if elapsed < self.fees.filter_period:
            return self.index_reference, self.volatility_reference, self.volatility_accumulator
        if elapsed < self.fees.decay_period:
            decayed = self.volatility_accumulator * self.fees.reduction_factor // BPS
            return self.active_id, decayed, self.volatility_accumulator
        return self.active_id, 0, self.volatility_accumulator

    def _active_price(self) -> int:
        place = bisect_left(self.bins, (self.active_id,))
        if place < len(self.bins) and self.bins[place].id == self.active_id:
            return self.bins[place].price
        return bin_price(self.active_id, self.fees.bin_step)


def _swap_in_bin(bin_: Bin, left: int, x_to_y: bool, rate: int) -> tuple[int, int, int]:
    """What one bin takes of `left` (fee included), what it pays out, and its fee."""
    price = bin_.price
    if x_to_y:
        max_out, max_net = bin_.amount_y, -((-bin_.amount_y << 64) // price)
    else:
        max_out, max_net = bin_.amount_x, -(-bin_.amount_x * price >> 64)
    fee = -(-left * rate // FEE_PRECISION)
    net = left - fee
    if net > max_net:
        drain_fee = -(-max_net * rate // (FEE_PRECISION - rate))
        return max_net + drain_fee, max_out, drain_fee
    given = net * price >> 64 if x_to_y else (net << 64) // price
    return left, min(given, max_out), fee


def _positive(amount_in: int) -> None:
    if amount_in <= 0:
        raise ValueError("the amount to swap has to be at least one unit")


def _too_little() -> DexError:
    return DexError("insufficient_liquidity", "The pool does not hold enough for this amount.")
