"""The simulated market and chain.

It brings its own time-outs, so nothing else depends on how fast the simulation is.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from app.dex.chain import Chain
from app.dex.markets import Markets, Token
from app.dex.simulated.launches import CannotLaunch as CannotLaunch
from app.dex.simulated.launches import Launch as Launch
from app.dex.simulated.launches import mint_of as mint_of
from app.dex.simulated.set_prices import PriceOutOfRange as PriceOutOfRange
from app.dex.simulated.set_prices import SetPrices
from app.dex.simulated.venues import KINDS, PoolVenue, open_venues
from app.dex.valuation import Valuation
from app.mockchain.ledger import MockChain
from app.mockchain.market import SimulatedMarket
from app.network.model import MovableMarket, Network
from app.settings import Settings, SettingsError

VENUE_NAMES = tuple(kind.name for kind in KINDS)

MIN_QUOTE_TIMEOUT = 2.0  # seconds
CONFIRM_MARGIN = 1.0  # seconds beyond the longest execution


def open_network(settings: Settings) -> Network:
    markets = Markets.load()
    block_ms = settings.mock_block_ms
    set_prices = SetPrices()
    venues = open_venues(
        markets, seed=settings.mock_seed, quote_ms=settings.mock_quote_ms, block_ms=block_ms, set_prices=set_prices
    )

    def mids(token_in: Token, token_out: Token, slot: int) -> dict[str, Decimal]:
        prices = ((venue.name, venue.mid(token_in, token_out, slot)) for venue in venues)
        return {venue: price for venue, price in prices if price is not None}

    return Network(
        markets=markets,
        venues=venues,
        # Three times the usual time: a slow venue is not a dead one.
        quote_timeout=max(MIN_QUOTE_TIMEOUT, 3 * settings.mock_quote_ms / 1000),
        confirm_timeout=settings.mock_execution_ms_max / 1000 + CONFIRM_MARGIN,
        slot_at=lambda moment: int(moment.timestamp() * 1000) // block_ms,
        slot_seconds=block_ms / 1000,
        usd=Valuation(markets, {venue.name: venue for venue in venues}).usd,
        mids=mids,
        set_prices=set_prices,
    )


@asynccontextmanager
async def open_chain(settings: Settings, network: Network) -> AsyncIterator[Chain]:
    """The chain that executes the swaps of this network's venues."""
    if settings.postgres_dsn is None:
        raise SettingsError("DATABASE_URL is not set; the simulated chain keeps its ledger there")
    chain = await MockChain.open(
        settings.postgres_dsn,
        venues=[venue for venue in network.venues if isinstance(venue, PoolVenue)],
        block_ms=settings.mock_block_ms,
        execution_ms_min=settings.mock_execution_ms_min,
        execution_ms_max=settings.mock_execution_ms_max,
        failure_rate=settings.mock_failure_rate,
        seed=settings.mock_seed,
    )
    try:
        yield chain
    finally:
        await chain.close()


@asynccontextmanager
async def open_market(settings: Settings, network: Network) -> AsyncIterator[MovableMarket | None]:
    """While it is open, this network follows the prices that any process sets by hand, and the tokens it launches.

    None: a real market, or production mode, where nobody may move it.
    """
    if settings.engine_mode == "production" or settings.postgres_dsn is None:
        yield None
        return

    def mid(token_in: Token, token_out: Token, slot: int) -> Decimal:
        """Half-way between the lowest and the highest venue."""
        prices = network.mids(token_in, token_out, slot).values()
        return (min(prices) + max(prices)) / 2

    market = await SimulatedMarket.open(
        settings.postgres_dsn, network.markets, network.set_prices, mid, block_ms=settings.mock_block_ms
    )
    try:
        yield market
    finally:
        await market.close()
