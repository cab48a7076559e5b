"""Asks all venues at once and chooses the best net outcome. Keeps every answer, and why it won or lost.

A venue that is down, slow or implausible loses only its own quote, as long as another venue answers.
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from app.dex.amounts import percent, price, to_decimal
from app.dex.errors import DexError, may_retry
from app.dex.quotes import PARTS, BuiltSwap, Quote, QuoteRequest
from app.dex.venue import Venue

log = logging.getLogger("engine.router")

MAX_DEVIATION_PERCENT = 20
"""A quote that is further from its pools' own mid prices, above or below, is refused."""

TIMED_OUT = DexError("rpc_timeout", "timed out")
FAILED = DexError("venue_unavailable", "the venue failed while quoting")

_MOST_HELPFUL = ("price_impact_too_high", "zero_output", "insufficient_liquidity", "unsupported_pair")
"""If no venue can ever serve a request and their codes differ, the client gets the first of these."""


@dataclass(frozen=True, slots=True)
class VenueAnswer:
    """One venue's answer to a quote request, and the router's decision on it."""

    venue: str
    won: bool
    reason: str
    """Why it won, lost or was excluded: part of a sentence, shown to traders."""
    quote: Quote | None = None
    """None: the venue gave no quote."""
    code: str | None = None
    """The error code of a venue that was excluded."""


@dataclass(frozen=True, slots=True)
class Route:
    """The decision."""

    request: QuoteRequest
    best: Quote
    """The quote with the highest net outcome of those that were accepted."""
    answers: tuple[VenueAnswer, ...]
    """One for each venue that was asked."""

    @property
    def price(self) -> str:
        """Tokens out for one token in."""
        token_in, token_out = self.request.token_in, self.request.token_out
        return price(self.best.amount_in, token_in.decimals, self.best.amount_out, token_out.decimals)

    def to_json(self) -> dict[str, Any]:
        return {
            "dex": self.best.venue,
            "price": self.price,
            "amountOut": to_decimal(self.best.amount_out, self.request.token_out.decimals),
            "route": {"dex": self.best.venue, "tokens": list(self.best.route)},
            "quotes": quotes_json(self.request, self.answers),
        }


class NoRoute(DexError):
    """No venue can serve the request now."""

    def __init__(self, code: str, detail: str, answers: tuple[VenueAnswer, ...]) -> None:
        super().__init__(code, detail)
        self.answers = answers


class Router:
    """Venues are asked in parallel; each has `timeout` seconds. An `unlisted` venue is asked only if it is named."""

    def __init__(
        self,
        venues: Sequence[Venue],
        *,
        timeout: float = 2.0,
        unlisted: Sequence[Venue] = (),
        max_deviation_percent: int = MAX_DEVIATION_PERCENT,
    ) -> None:
        self._venues = tuple(sorted(venues, key=lambda venue: venue.name))
        self._unlisted = tuple(unlisted)
        self._timeout = timeout
        self._max_deviation = max_deviation_percent

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(venue.name for venue in self._venues)

    async def route(
        self,
        request: QuoteRequest,
        slot: int,
        *,
        only: Collection[str] | None = None,
        max_price_impact_bps: int | None = None,
    ) -> Route:
        """The best quote of all venues, or of those in `only`.

        Raises `NoRoute` if there is none. Its code allows a retry if the reason of at least one venue does.
        """
        venues = [venue for venue in self._venues if only is None or venue.name in only]
        venues += [venue for venue in self._unlisted if only is not None and venue.name in only]
        accepted: list[Quote] = []
        answers: dict[str, VenueAnswer] = {}
        for venue, result in zip(venues, await self._ask(venues, request, slot), strict=True):
            if not isinstance(result, Quote):
                answers[venue.name] = VenueAnswer(venue.name, False, result.detail, None, result.code)
            elif objection := _objection(result, request, max_price_impact_bps, self._max_deviation):
                answers[venue.name] = VenueAnswer(venue.name, False, objection.detail, result, objection.code)
            else:
                accepted.append(result)
        if not accepted:
            raise _no_route(tuple(answers[venue.name] for venue in venues))
        # Ties are decided the same way every time.
        best = min(accepted, key=lambda quote: (-quote.net, -quote.amount_out, quote.venue))
        for quote in accepted:
            answers[quote.venue] = VenueAnswer(quote.venue, quote is best, _reason(quote, best), quote)
        return Route(request, best, tuple(answers[venue.name] for venue in venues))

    def is_in_process(self, venue: str) -> bool:
        """Whether this venue builds without asking anybody."""
        return self._venue(venue).in_process

    async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
        """The swap of a quote. The venue that gave the quote builds it, in as much time as a quote may take."""
        venue = self._venue(quote.venue)
        try:
            async with asyncio.timeout(self._timeout):
                return await venue.build(quote, min_amount_out=min_amount_out)
        except DexError:
            raise
        except TimeoutError:
            raise DexError("rpc_timeout", "the venue did not build the swap in time") from None
        except Exception:
            log.exception("venue %s failed while building a swap", venue.name)
            raise DexError("venue_unavailable", "the venue failed while building the swap") from None

    def _venue(self, name: str) -> Venue:
        return next(venue for venue in self._venues if venue.name == name)

    async def _ask(self, venues: Sequence[Venue], request: QuoteRequest, slot: int) -> list[Quote | DexError]:
        """Each venue that asks somebody gets a task. For one that does not, a task costs more than its quote."""
        tasks = {
            venue.name: asyncio.ensure_future(_quote(venue, request, slot)) for venue in venues if not venue.in_process
        }
        late: set[asyncio.Future[Quote | DexError]] = set()
        try:
            results = {venue.name: await _quote(venue, request, slot) for venue in venues if venue.in_process}
            if tasks:
                _, late = await asyncio.wait(tasks.values(), timeout=self._timeout)
        finally:
            # Also if this call is cancelled. A venue that ignores its cancellation is not waited for.
            for task in tasks.values():
                task.cancel()
        for name, task in tasks.items():
            results[name] = TIMED_OUT if task in late else FAILED if task.cancelled() else task.result()
        return [results[venue.name] for venue in venues]


async def _quote(venue: Venue, request: QuoteRequest, slot: int) -> Quote | DexError:
    """The venue's quote or error. A bug of a venue must not fail the order."""
    try:
        return await venue.quote(request, slot)
    except DexError as error:
        return error
    except Exception:
        log.exception("venue %s failed while quoting", venue.name)
        return FAILED


def _objection(quote: Quote, request: QuoteRequest, max_impact_bps: int | None, max_deviation: int) -> DexError | None:
    """Why a quote is not accepted."""
    if quote.amount_in != request.amount_in:
        return DexError("venue_unavailable", "the quote is for another amount")
    if quote.amount_out <= 0:
        return DexError("zero_output", "nothing would come out")
    if max_impact_bps is not None and quote.price_impact_bps > max_impact_bps:
        impact, limit = percent(quote.price_impact_bps), percent(max_impact_bps)
        return DexError("price_impact_too_high", f"price impact {impact}, above the order's limit of {limit}")
    # A unit of a leg's token in may be lost in rounding, and two of its token out. If that is much for the whole swap,
    # it is no price for it.
    measures = [(leg.amount_out, leg.at_mid, 2 + 2 * (leg.at_mid // max(leg.amount_in, 1))) for leg in quote.legs]
    if quote.at_mid:
        measures.append((quote.amount_out * PARTS, quote.at_mid, 0))
    for measure in measures:
        deviation = deviation_percent(*measure)
        limit = f"the {max_deviation} % limit"
        if deviation > max_deviation:
            return DexError("venue_unavailable", f"price {deviation} % better than the pool's own, above {limit}")
        if deviation < -max_deviation:
            return DexError("price_impact_too_high", f"price impact {-deviation} %, above {limit}")
    return None


def deviation_percent(amount_out: int, at_mid: int, rounding: int = 0) -> int:
    """How far an amount is from the mid price, beyond so many units that rounding explains."""
    gap = amount_out - at_mid
    beyond = max(abs(gap) - rounding, 0)
    # Rounded away from zero: 20.1 % is above 20 %.
    deviation = -(-beyond * 100 // max(at_mid, 1))
    return deviation if gap > 0 else -deviation


def _reason(quote: Quote, best: Quote) -> str:
    if quote is best:
        return "best net outcome"
    behind = best.net - quote.net
    if behind == 0:
        return "the same net outcome; a tie goes by amount out, then by name"
    bps = behind * 10_000 // max(best.net, 1)
    return f"{percent(bps)} less" if bps else "less than 0.01 % less"


def _no_route(answers: tuple[VenueAnswer, ...]) -> NoRoute:
    codes = [answer.code or "venue_unavailable" for answer in answers] or ["unsupported_pair"]
    reasons = "; ".join(f"{answer.venue}: {answer.reason.rstrip('.')}" for answer in answers)
    detail = f"No venue can serve this swap. {reasons}" if reasons else "No venue was asked"
    return NoRoute(min(codes, key=_rank), f"{detail}.", answers)


def _rank(code: str) -> tuple[bool, int]:
    """Codes that allow a retry come first, then the one that helps the client most."""
    return not may_retry(code), _MOST_HELPFUL.index(code) if code in _MOST_HELPFUL else len(_MOST_HELPFUL)


def quotes_json(request: QuoteRequest, answers: Collection[VenueAnswer]) -> list[dict[str, Any]]:
    """Every venue's answer, for people and programs. Amounts are exact decimals."""
    rows = []
    for answer in answers:
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
