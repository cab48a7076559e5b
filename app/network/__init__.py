"""Opens the network that this engine trades on: tokens and pools, venues, time-outs, and the chain.

The only package that imports the simulation, or the adapters of a real chain. Those are an extra: they are imported
when `CHAIN=solana` is opened, and not before.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.dex.chain import Chain
from app.network import simulated
from app.network.model import MovableMarket as MovableMarket
from app.network.model import Network as Network
from app.network.simulated import VENUE_NAMES as VENUE_NAMES
from app.network.simulated import CannotLaunch as CannotLaunch
from app.network.simulated import Launch as Launch
from app.network.simulated import PriceOutOfRange as PriceOutOfRange
from app.network.simulated import mint_of as mint_of
from app.settings import Settings, SettingsError


def open_network(settings: Settings) -> Network:
    if settings.chain == "mock":
        return simulated.open_network(settings)
    try:
        from app.network import solana
    except ImportError:
        raise SettingsError(
            "CHAIN: solana needs more packages; run pip install 'order-execution-engine[solana]'"
        ) from None
    return solana.open_network(settings)


@asynccontextmanager
async def open_chain(settings: Settings, network: Network) -> AsyncIterator[Chain]:
    """The chain that executes the swaps of this network's venues. Only a worker opens it: on a real one it signs."""
    if settings.chain == "mock":
        async with simulated.open_chain(settings, network) as chain:
            yield chain
    else:
        from app.network import solana

        yield solana.open_chain(settings, network)


@asynccontextmanager
async def open_market(settings: Settings, network: Network) -> AsyncIterator[MovableMarket | None]:
    """While it is open, this network follows its market: the pools of a real chain, or the prices that any process sets
    by hand and the tokens it launches.

    None: nobody may move it, because it is real or in production mode.
    """
    if settings.chain == "mock":
        async with simulated.open_market(settings, network) as market:
            yield market
    else:
        from app.network import solana

        async with solana.following(settings, network) as market:
            yield market
