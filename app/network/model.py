"""What an engine trades on, whichever chain it is."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from app.dex.markets import Markets, PoolConfig, Token
from app.dex.router import MAX_DEVIATION_PERCENT, Router
from app.dex.simulated.launches import Launch
from app.dex.simulated.set_prices import Moved, SetPrices
from app.dex.venue import Venue


class MovableMarket(Protocol):
    """A market that anybody may move by hand: the simulated one, and that of the local chain."""

    def is_set(self, token_in: Token, token_out: Token, slot: int) -> bool:
        """Whether the pair stands still because its price was set."""

    async def set_price(self, token_in: Token, token_out: Token, price: Decimal) -> Moved:
        """Raises `PriceOutOfRange`."""

    async def move(self, token_in: Token, token_out: Token, bps: int) -> Moved:
        """From the pair's mid price. Raises `PriceOutOfRange`."""

    async def release(self) -> int:
        """All pairs move by themselves again, from the slot that is returned."""

    async def launch(self, launch: Launch) -> tuple[PoolConfig, int]:
        """The pool, and the slot from which every process knows it. Raises `CannotLaunch`."""


def _simulated_chain() -> None:
    return None


async def _nothing() -> Mapping[str, int]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What can be traded, where, and how long it takes."""

    markets: Markets  # tokens and pools
    venues: Sequence[Venue]
    quote_timeout: float  # seconds a venue may take to quote or to build
    confirm_timeout: float  # seconds a worker keeps a slot for a swap that it has sent
    slot_at: Callable[[datetime], int]  # market time at a moment of the database's clock
    slot_seconds: float  # slots begin at multiples of it
    usd: Callable[[Token, int, int], int | None]  # value of units of a token at a slot, in millionths of a dollar
    # venue → tokens out for one token in, at the mid prices of its best path at a slot; costs microseconds
    mids: Callable[[Token, Token, int], Mapping[str, Decimal]]

    set_prices: SetPrices = field(default_factory=SetPrices)  # of the simulated market: set by hand

    # Of a real chain:
    chain_id: Callable[[], str | None] = _simulated_chain  # its genesis hash; None: the simulated chain
    max_fee: int = 0  # lamports that one transaction pays in fees at most
    # the most that listed pools bring for units of a token at mid price, in `PARTS` of a unit, None: not known; itself
    # None: venues are asked
    # in this process, and nobody has to be waited for
    mid_now: Callable[[Token, Token, int, int], Awaitable[int | None]] | None = None
    max_deviation_percent: int = MAX_DEVIATION_PERCENT  # of a quote from the mid prices of its pools
    wallet_owner: str | None = None  # only their orders can be paid for; None: everybody's
    may_drill: bool = True  # whether orders may be made that fail on purpose
    has_launches: bool = True  # whether it learns of new pools, so that orders can wait for them
    wallet: str | None = None  # its address
    wallet_holds: Callable[[], Awaitable[Mapping[str, int]]] = _nothing  # base units, by symbol
    explorer_url: Callable[[str], str | None] = lambda signature: None  # where people look at a transaction

    def router(self, *, unlisted: Sequence[Venue] = ()) -> Router:
        return Router(
            self.venues,
            timeout=self.quote_timeout,
            unlisted=unlisted,
            max_deviation_percent=self.max_deviation_percent,
        )
