"""What passes between venue, router and chain: a request, a quote, a built swap. Frozen, all integers."""

from dataclasses import dataclass

from app.dex.markets import Token


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    token_in: Token
    token_out: Token
    amount_in: int


@dataclass(frozen=True, slots=True)
class QuoteLeg:
    """One pool on the way, and what it would do."""

    pool: str
    token_in: str
    token_out: str
    amount_in: int
    amount_out: int
    fee: int
    """In units of this leg's token in."""
    price_impact_bps: int
    at_mid: int
    """What `amount_in` would bring at the pool's own mid, without fee and impact."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What one venue would give at one slot."""

    venue: str
    amount_in: int
    amount_out: int
    fee: int
    """All pool fees, in units of the token in; a second leg's fee is valued at the first leg's own price."""
    price_impact_bps: int
    slot: int
    legs: tuple[QuoteLeg, ...]
    network_fee: int
    """In lamports."""
    network_cost: int
    """The network fee in units of the token out."""

    @property
    def net(self) -> int:
        """What is left of the outcome after everything; routes are compared by it."""
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
    """The venue gives at least this much or refuses."""
    wrap_sol: bool
    """Native SOL goes in: it is wrapped first."""
    unwrap_sol: bool
    """Native SOL comes out: it is unwrapped at the end."""
