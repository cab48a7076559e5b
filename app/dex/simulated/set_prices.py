"""Prices of the simulated market that were set by hand.

From its time on, all pools of the pair have exactly this mid price, and stand still until it is set again or released.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from app.dex.markets import PoolConfig, Token

MAX_FACTOR = 100
"""How far from the reference price a price may be set."""
MAX_PLACES = 18


class PriceOutOfRange(ValueError):
    """The message is a sentence for the client."""


@dataclass(frozen=True, slots=True)
class Moved:
    price: Decimal
    """Tokens out for one token in."""
    slot: int
    """From which it holds."""


@dataclass(frozen=True, slots=True)
class SetPrice:
    id: int
    """A later one has a higher id, and replaces those before it from its time on."""
    token_in: str
    token_out: str
    price: Decimal | None
    """Tokens out for one token in. None: the pair is released, and moves by itself again."""
    from_ms: int
    """Market time, the start of a slot."""

    @property
    def pair(self) -> str:
        return pair_of(self.token_in, self.token_out)

    def of_x(self, pool: PoolConfig) -> tuple[int, int] | None:
        """How many Y one X is worth, as a fraction."""
        if self.price is None:
            return None
        above, below = self.price.as_integer_ratio()
        return (above, below) if pool.x.symbol == self.token_in else (below, above)


class SetPrices:
    """Those that still matter. Each process has a copy."""

    def __init__(self) -> None:
        self.last_id = 0
        self._by_pair: dict[str, list[SetPrice]] = {}

    def add(self, prices: Iterable[SetPrice], *, forget_before_ms: int) -> None:
        """Prices with rising ids. Those that were replaced before that time are forgotten."""
        for one in prices:
            if one.id <= self.last_id:
                continue  # two reads at once bring the same
            self.last_id = one.id
            kept = self._by_pair.setdefault(one.pair, [])
            kept.append(one)
            while len(kept) > 1 and kept[1].from_ms < forget_before_ms:
                del kept[0]

    def at(self, pair: str, at_ms: int) -> SetPrice | None:
        """What holds at this time. None: the pair moves by itself."""
        found = next((one for one in reversed(self._by_pair.get(pair, ())) if one.from_ms <= at_ms), None)
        return found if found and found.price is not None else None

    def in_force(self, at_ms: int) -> list[SetPrice]:
        """What holds at this time, of all pairs."""
        return [found for pair in self._by_pair if (found := self.at(pair, at_ms))]

    def of_pool(self, pool: PoolConfig, at_ms: int) -> tuple[int, int] | None:
        """How many Y one X is worth, as a fraction, if that was set."""
        if not self._by_pair:  # the usual case, on the path of every quote
            return None
        found = self.at(pool.pair, at_ms)
        return None if found is None else found.of_x(pool)


def pair_of(token_in: str, token_out: str) -> str:
    """The same text as `PoolConfig.pair`, in both directions."""
    return "-".join(sorted((token_in, token_out)))


def moved(price: Decimal, bps: int) -> Decimal:
    """A price with 18 places, moved by so many basis points, rounded down."""
    above, below = price.as_integer_ratio()
    units = above * 10**MAX_PLACES * (10_000 + bps) // (below * 10_000)
    return Decimal(f"{units}E-{MAX_PLACES}")


def check(price: Decimal, token_in: Token, token_out: Token) -> Decimal:
    """Raises `PriceOutOfRange` if the price is too far from the reference price."""
    above, below = price.as_integer_ratio()
    worth_out, worth_in = above * token_out.usd, below * token_in.usd
    if not worth_in <= worth_out * MAX_FACTOR <= worth_in * MAX_FACTOR**2:
        raise PriceOutOfRange(f"must be within a {MAX_FACTOR}th and {MAX_FACTOR} times the pair's reference price")
    return price
