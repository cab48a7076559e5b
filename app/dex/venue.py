"""The protocol of a venue: it quotes a swap and builds it.

`simulated/venues.py` has the simulated ones; `docs/adding-a-venue.md` explains how to add a real one.
"""

from typing import Protocol

from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap, Quote, QuoteRequest


class Venue(Protocol):
    @property
    def name(self) -> str:
        """Its name in the API: lower case."""

    @property
    def in_process(self) -> bool:
        """Whether it quotes and builds without asking anybody. Then it never waits, and is given no time-out."""

    async def quote(self, request: QuoteRequest, slot: int) -> Quote:
        """The best this venue can do at a slot; `DexError` if it cannot."""

    async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
        """The swap of a quote, which brings at least `min_amount_out` or fails; `DexError` if it cannot be built."""


class UnavailableVenue:
    """Never gives a quote, so orders that name it fail as if every venue were down. For failure drills."""

    name = "unavailable"
    in_process = True

    async def quote(self, request: QuoteRequest, slot: int) -> Quote:
        raise DexError("venue_unavailable", "This venue is always down. It exists to make orders fail.")

    async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
        raise DexError("venue_unavailable", "This venue is always down.")
