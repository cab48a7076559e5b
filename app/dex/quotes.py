"""The values that venue, router and chain exchange. All amounts are integers in base units."""

from dataclasses import dataclass

from app.dex.markets import Token

PARTS = 10**6
"""Of a unit, where a mid price for a whole swap is told: of a token without decimals half a unit may be worth much."""


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    token_in: Token
    token_out: Token
    amount_in: int


@dataclass(frozen=True, slots=True)
class QuoteLeg:
    """One pool of a route, and its part of the quote."""

    pool: str
    """Its address."""
    token_in: str
    token_out: str
    amount_in: int
    amount_out: int
    fee: int
    """In units of this leg's token in."""
    price_impact_bps: int
    at_mid: int
    """The amount out at the pool's own mid price, without fee and price impact."""


@dataclass(frozen=True, slots=True)
class Quote:
    """One venue's offer at one slot."""

    venue: str
    amount_in: int
    amount_out: int
    fee: int
    """All pool fees, in units of the token in. A second leg's fee is converted at the first leg's price."""
    price_impact_bps: int
    slot: int
    """Market time of the quote."""
    legs: tuple[QuoteLeg, ...]
    network_fee: int
    """In lamports."""
    network_cost: int
    """The network fee in units of the token out."""
    at_mid: int = 0
    """The amount out at the mid price of the whole swap, in `PARTS` of a unit. 0: only its legs have one."""

    @property
    def net(self) -> int:
        """The amount out less all costs. Quotes are compared by it."""
        return self.amount_out - self.network_cost

    @property
    def route(self) -> tuple[str, ...]:
        """The tokens passed through, first and last included."""
        return (self.legs[0].token_in, *(leg.token_out for leg in self.legs))


@dataclass(frozen=True, slots=True)
class BuiltSwap:
    """An unsigned swap, for the chain to sign."""

    venue: str
    pools: tuple[str, ...]
    """The pool of each leg, in order."""
    route: tuple[str, ...]
    """The tokens passed through, first and last included."""
    amount_in: int
    min_amount_out: int
    """The venue pays at least this much, or the swap fails."""
    wrap_sol: bool
    """Native SOL goes in and is wrapped first."""
    unwrap_sol: bool
    """Native SOL comes out and is unwrapped at the end."""
