"""What a venue is: a place to swap that quotes and builds.

The simulated venues are in `simulated/venues.py`; `docs/adding-a-venue.md` says what a real one has to do.
"""

from typing import Protocol

from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap, Quote, QuoteRequest


class Venue(Protocol):
    """A place to swap."""

    @property
    def name(self) -> str: ...

    async def quote(self, request: QuoteRequest, slot: int) -> Quote:
        """The best this venue can do at a slot; `DexError` when it cannot."""

    async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
        """The swap that a quote promises, with its lower bound written in; `DexError` when it cannot."""


class UnavailableVenue:
    """Never answers a quote. An order sent there fails as it would if every venue were down: for rehearsals."""

    name = "unavailable"

    async def quote(self, request: QuoteRequest, slot: int) -> Quote:
        raise DexError("venue_unavailable", "The venue is always down; orders are sent here to see them fail.")

    async def build(self, quote: Quote, *, min_amount_out: int) -> BuiltSwap:
        raise DexError("venue_unavailable", "The venue is always down.")
