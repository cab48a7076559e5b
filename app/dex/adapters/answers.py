"""How the answers of a vendor are read. They are not trusted: each field has a form and a limit."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.dex.errors import DexError
from app.dex.markets import Leg, Markets
from app.dex.quotes import PARTS, Quote, QuoteLeg, QuoteRequest
from app.dex.valuation import ToldVenue, highest_at_mid

MAX_STEPS = 16  # of a route, with all its parallel ones
MAX_U64 = 2**64 - 1
BPS = 10_000

_DIGITS = re.compile(r"[0-9]{1,20}")
_ADDRESS = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")


@contextmanager
def reading_answer() -> Iterator[None]:
    """An answer in another form than the vendor's says nothing."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise DexError("venue_unavailable", "The venue's answer cannot be read.") from error


def u64(value: Any) -> int:
    """An amount, as a number or as text."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_U64:
        raise ValueError("not an amount")
    return value


def address(value: Any) -> str:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise ValueError("not an address")
    return value


@dataclass(frozen=True, slots=True)
class Step:
    """One pool of a route, as the vendor tells it."""

    pool: str
    mint_in: str
    mint_out: str


def tolerance(quoted: int, floor: int) -> int:
    """The largest slippage in whole bps with which a quote brings at least the floor."""
    if quoted < floor:
        raise DexError("slippage_exceeded", "The venue offers less than the order's minimum.")
    return (quoted - floor) * BPS // quoted if quoted else 0


def listed_route(markets: Markets, request: QuoteRequest, steps: Sequence[Step]) -> tuple[tuple[str, str, str], ...]:
    """The hops of a route: pool, symbol in and symbol out. Parallel pools are one hop, with the name of the first.

    Raises `DexError` unless they lead from one token of the order to the other, through tokens of our own list.
    """
    hops = {(step.mint_in, step.mint_out): step.pool for step in reversed(steps[:MAX_STEPS])}
    route: list[tuple[str, str, str]] = []
    mint = request.token_in.mint
    while mint != request.token_out.mint:
        found = [(pool, end) for (start, end), pool in hops.items() if start == mint]
        if len(found) != 1 or len(route) >= len(hops):
            raise DexError("venue_unavailable", "The venue's route cannot be followed.")
        [(pool, end)] = found
        ends = markets.find(mint), markets.find(end)
        if ends[0] is None or ends[1] is None:
            raise DexError("venue_unavailable", "The venue's route goes through a token that is not listed.")
        route.append((pool, ends[0].symbol, ends[1].symbol))
        mint = end
    if not route or len(steps) > MAX_STEPS:
        raise DexError("venue_unavailable", "The venue's route cannot be followed.")
    return tuple(route)


def quote_of(
    venue: str,
    markets: Markets,
    prices: ToldVenue,
    request: QuoteRequest,
    slot: int,
    amount_out: int,
    route: Sequence[tuple[str, str, str]],
) -> Quote:
    """The quote. How far it is from the mid prices of the pools is worked out here, not taken from the venue.

    It is compared with the highest of all listed pools of its pair, of any venue: one of them may have been moved, and
    who answers for the venues chooses which of them have a route.

    The venue says what comes out at the end. What each hop in between brings is put at mid price, so all that the
    venue takes, fee and price impact together, is in the last one. The whole has a mid price too: who left dust in a
    pool makes what a hop brings so few units that rounding one of them explains any price.
    """
    legs, amount, whole = [], request.amount_in, 0
    for number, (pool, start, end) in enumerate(route):
        at_mid = max(prices.at_mid(leg, amount, slot) for leg in _legs(markets, venue, start, end))
        if number == len(route) - 1:
            ends = request.token_in, request.token_out
            highest = highest_at_mid(markets, prices, *ends, request.amount_in, slot, parts=PARTS)
            if highest is None:
                raise DexError("venue_unavailable", "The price of this pair is not known.")
            whole = max(at_mid * PARTS, highest)
            at_mid = whole // PARTS
        out = amount_out if number == len(route) - 1 else at_mid
        mid = whole or at_mid * PARTS  # in parts: of a token without decimals half a unit may be worth much
        impact = max(mid - out * PARTS, 0) * BPS // max(mid, 1)
        legs.append(QuoteLeg(pool, start, end, amount, out, 0, impact, at_mid))
        amount = out
    lamports = markets.fees[venue].network_fee if venue in markets.fees else 5_000
    cost = markets.network_cost(lamports, request.token_out)
    impact = max(leg.price_impact_bps for leg in legs)
    return Quote(venue, request.amount_in, amount_out, 0, impact, slot, tuple(legs), lamports, cost, whole)


def _legs(markets: Markets, venue: str, start: str, end: str) -> list[Leg]:
    pools = markets.pools_of(markets.token(start), markets.token(end))
    legs = [(pool, pool.x.symbol == start) for pool in pools if pool.venue == venue]
    if not legs:
        raise DexError("unsupported_pair", "The price of this pair is not known.")
    return legs
