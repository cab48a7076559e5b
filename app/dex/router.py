"""Asks every venue at once and takes the best net outcome, keeping each quote and why it won or lost.

One dead, slow or absurd venue costs its quote and nothing else, as long as another one answers.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from app.dex.amounts import price, to_decimal
from app.dex.errors import DexError, may_retry
from app.dex.quotes import BuiltSwap, Quote, QuoteLeg, QuoteRequest
from app.dex.venue import Venue

log = logging.getLogger(__name__)

DISTRUST_PERCENT = 20
"""A quote this far from its pools' own mids is believed to be a mistake, whichever way it is off."""

BROKEN = DexError("venue_unavailable", "the venue broke while quoting")

_TELLING = ("price_impact_too_high", "zero_output", "insufficient_liquidity", "unsupported_pair")
"""When no venue can ever serve a request for different reasons, the one that helps the client most."""


@dataclass(frozen=True, slots=True)
class Considered:
    """One venue's answer and what became of it."""

    venue: str
    won: bool
    reason: str
    """A sentence part for people: why it won, lost or was left out."""
    quote: Quote | None = None
    code: str | None = None
    """The error code of a venue that is out of the running."""


@dataclass(frozen=True, slots=True)
class Route:
    """The decision. `best` has the highest net outcome of all quotes that were trusted."""

    request: QuoteRequest
    best: Quote
    considered: tuple[Considered, ...]

    @property
    def price(self) -> str:
        """Tokens out for one token in."""
        sold, bought = self.request.token_in, self.request.token_out
        return price(self.best.amount_in, sold.decimals, self.best.amount_out, bought.decimals)

    def to_json(self) -> dict[str, Any]:
        return {
            "dex": self.best.venue,
            "price": self.price,
            "amountOut": to_decimal(self.best.amount_out, self.request.token_out.decimals),
            "route": list(self.best.route),
            "quotes": quotes_json(self.request, self.considered),
        }


class NoRoute(DexError):
    """No venue can serve the request now; `considered` says what each of them answered."""

    def __init__(self, code: str, detail: str, considered: tuple[Considered, ...]) -> None:
        super().__init__(code, detail)
        self.considered = considered


class Router:
    """Venues are asked in parallel and each gets `timeout` seconds. An `unlisted` one is asked only by name."""

    def __init__(self, venues: Sequence[Venue], *, timeout: float = 2.0, unlisted: Sequence[Venue] = ()) -> None:
        self._venues = tuple(sorted(venues, key=lambda venue: venue.name))
        self._unlisted = tuple(unlisted)
        self._timeout = timeout

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(venue.name for venue in self._venues)

    async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
        """The swap of a quote, built by the venue that gave it, in as much time as a quote may take."""
        venue = next(venue for venue in self._venues if venue.name == quote.venue)
        try:
            async with asyncio.timeout(self._timeout):
                return await venue.build(quote, min_amount_out=min_amount_out)
        except DexError:
            raise
        except TimeoutError:
            raise DexError("rpc_timeout", "The venue did not build the swap in time.") from None
        except Exception:
            log.exception("venue %s failed while building a swap", venue.name)
            raise DexError("venue_unavailable", "The venue failed while building the swap.") from None

    async def route(
        self,
        request: QuoteRequest,
        slot: int,
        *,
        only: Collection[str] | None = None,
        max_price_impact_bps: int | None = None,
    ) -> Route:
        """The best of the venues (of `only`); `NoRoute` when none can, with a code that allows a retry if any
        cause among them does."""
        asked = [venue for venue in self._venues if only is None or venue.name in only]
        asked += [venue for venue in self._unlisted if only is not None and venue.name in only]
        answers = await self._ask(asked, request, slot)
        sound: list[Quote] = []
        out: dict[str, Considered] = {}
        for venue, answer in zip(asked, answers, strict=True):
            if isinstance(answer, Quote):
                objection = _objection(answer, request, max_price_impact_bps)
                if objection is None:
                    sound.append(answer)
                    continue
                out[venue.name] = Considered(venue.name, False, objection.detail, answer, objection.code)
            else:
                out[venue.name] = Considered(venue.name, False, answer.detail, None, answer.code)
        if not sound:
            raise _no_route(tuple(out[venue.name] for venue in asked))
        # The same way every time: net outcome, then what comes out, then the name.
        best = min(sound, key=lambda quote: (-quote.net, -quote.amount_out, quote.venue))
        for quote in sound:
            out[quote.venue] = Considered(quote.venue, quote is best, _reason(quote, best), quote)
        return Route(request, best, tuple(out[venue.name] for venue in asked))

    async def _ask(self, venues: Sequence[Venue], request: QuoteRequest, slot: int) -> list[Quote | DexError]:
        if not venues:
            return []
        tasks = [asyncio.ensure_future(_quote(venue, request, slot)) for venue in venues]
        try:
            _, late = await asyncio.wait(tasks, timeout=self._timeout)
        finally:
            # Also when this call itself is cancelled. Nobody waits for a venue that ignores being cancelled.
            for task in tasks:
                task.cancel()
        timed_out = DexError("rpc_timeout", "timed out")
        return [timed_out if task in late else BROKEN if task.cancelled() else task.result() for task in tasks]


async def _quote(venue: Venue, request: QuoteRequest, slot: int) -> Quote | DexError:
    """The venue's answer. Whatever else it throws is its own breakdown and must not become the order's."""
    try:
        return await venue.quote(request, slot)
    except DexError as error:
        return error
    except Exception:
        log.exception("venue %s broke while quoting", venue.name)
        return BROKEN


def _objection(quote: Quote, request: QuoteRequest, max_impact_bps: int | None) -> DexError | None:
    """Why a quote may not win."""
    if quote.amount_in != request.amount_in:
        return DexError("venue_unavailable", "distrusted: it is for another amount")
    if quote.amount_out <= 0:
        return DexError("zero_output", "nothing would come out")
    if max_impact_bps is not None and quote.price_impact_bps > max_impact_bps:
        impact = f"{quote.price_impact_bps} bps, more than the {max_impact_bps} allowed"
        return DexError("price_impact_too_high", f"price impact {impact}")
    for leg in quote.legs:
        off = _percent_off(leg)
        if off > DISTRUST_PERCENT:
            return DexError("venue_unavailable", f"distrusted: {off}% better than its own mid")
        if off < -DISTRUST_PERCENT:
            return DexError("price_impact_too_high", f"distrusted: {-off}% worse than its own mid")
    return None


def _percent_off(leg: QuoteLeg) -> int:
    """How far a leg is from its pool's mid, beyond what rounding one unit at either end explains."""
    rounding = 2 + 2 * (leg.at_mid // leg.amount_in)
    gap = leg.amount_out - leg.at_mid
    beyond = max(abs(gap) - rounding, 0)
    # Rounded away from zero: 20.1 % is over 20 %.
    percent = -(-beyond * 100 // max(leg.at_mid, 1))
    return percent if gap > 0 else -percent


def _reason(quote: Quote, best: Quote) -> str:
    if quote is best:
        return "best net outcome"
    behind = best.net - quote.net
    if behind == 0:
        return "the same net outcome; ties go by amount out, then by name"
    bps = behind * 10_000 // max(best.net, 1)
    return f"{bps} bps less out" if bps else "less than 1 bps less out"


def _no_route(considered: tuple[Considered, ...]) -> NoRoute:
    codes = [answer.code or "venue_unavailable" for answer in considered] or ["unsupported_pair"]
    code = min(codes, key=_weight)
    reasons = "; ".join(f"{answer.venue}: {answer.reason.rstrip('.')}" for answer in considered)
    detail = f"No venue can serve this swap. {reasons}" if reasons else "No venue was asked"
    return NoRoute(code, f"{detail}.", considered)


def _weight(code: str) -> tuple[bool, int]:
    """What a retry may cure counts first, then what tells the client most."""
    return not may_retry(code), _TELLING.index(code) if code in _TELLING else len(_TELLING)


def quotes_json(request: QuoteRequest, considered: Collection[Considered]) -> list[dict[str, Any]]:
    """Every venue's answer for people and programs, amounts as exact decimals."""
    rows = []
    for answer in considered:
        row: dict[str, Any] = {"venue": answer.venue, "won": answer.won}
        if (quote := answer.quote) is not None:
            row |= {
                "amountOut": to_decimal(quote.amount_out, request.token_out.decimals),
                "fee": to_decimal(quote.fee, request.token_in.decimals),
                "networkFee": to_decimal(quote.network_fee, 9),
                "priceImpactBps": quote.price_impact_bps,
                "slot": quote.slot,
                "route": list(quote.route),
            }
        row |= {"reason": answer.reason} if answer.code is None else {"error": answer.code, "reason": answer.reason}
        rows.append(row)
    return rows
