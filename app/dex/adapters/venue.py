"""A venue whose swaps a vendor's HTTP API makes: quote, ask again for the order's floor, take the instruction."""

from dataclasses import dataclass
from typing import Any, ClassVar

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from app.dex.adapters.answers import Step, listed_route, quote_of, tolerance
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.errors import DexError
from app.dex.markets import NATIVE_SOL, Markets
from app.dex.quotes import Quote, QuoteRequest
from app.dex.valuation import ToldVenue

USUAL_BPS = 50  # of a request that only asks for a price
MAX_OFFERS = 3  # for one swap, while the price moves
MAX_ACCOUNTS, MAX_DATA = 64, 1024  # of an instruction


@dataclass(frozen=True, slots=True)
class Offer:
    """What a vendor says to one request."""

    amount_out: int
    least_out: int
    steps: tuple[Step, ...]
    answer: dict[str, Any]


class VendorVenue:
    in_process: ClassVar[bool] = False

    def __init__(self, name: str, markets: Markets, prices: ToldVenue) -> None:
        self.name = name
        self._markets = markets
        self._prices = prices

    async def _offer(self, request: QuoteRequest, slippage_bps: int) -> Offer:
        raise NotImplementedError

    async def _instruction(self, offer: Offer, request: QuoteRequest) -> tuple[Instruction, tuple[Pubkey, ...]]:
        """The swap instruction of an offer, and the lookup tables that may shorten its transaction."""
        raise NotImplementedError

    async def quote(self, request: QuoteRequest, slot: int) -> Quote:
        if not self._markets.paths(self.name, request.token_in, request.token_out):
            raise DexError("unsupported_pair", "The venue has no pools for this pair.")
        return self._quote(await self._offer(request, USUAL_BPS), request, slot)

    async def build(self, quote: Quote, *, min_amount_out: int) -> SolanaSwap:
        ends = self._markets.token(quote.route[0]), self._markets.token(quote.route[-1])
        request = QuoteRequest(*ends, quote.amount_in)
        first = quote.amount_out  # what the floor came from
        for _ in range(MAX_OFFERS):
            offer = await self._offer(request, tolerance(quote.amount_out, min_amount_out))
            quote = self._quote(offer, request, quote.slot)
            if offer.least_out >= min_amount_out:
                instruction, tables = await self._instruction(offer, request)
                if len(instruction.accounts) > MAX_ACCOUNTS or len(instruction.data) > MAX_DATA:
                    raise DexError("venue_unavailable", "The venue's instruction is too long.")
                return SolanaSwap(
                    self.name,
                    tuple(leg.pool for leg in quote.legs),
                    quote.route,
                    quote.amount_in,
                    min_amount_out,
                    wrap_sol=quote.route[0] == NATIVE_SOL,
                    unwrap_sol=quote.route[-1] == NATIVE_SOL,
                    instruction=instruction,
                    quoted=min(first, quote.amount_out),
                    tables=tables,
                )
        raise DexError("slippage_exceeded", "The venue's price moves too fast.")

    def _quote(self, offer: Offer, request: QuoteRequest, slot: int) -> Quote:
        if offer.amount_out == 0:
            raise DexError("zero_output", "Nothing would come out for so small an amount.")
        route = listed_route(self._markets, request, offer.steps)
        return quote_of(self.name, self._markets, self._prices, request, slot, offer.amount_out, route)
