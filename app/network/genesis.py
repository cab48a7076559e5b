"""Which chain the nodes are of."""

import logging
from collections.abc import Sequence
from functools import partial

from app.dex.adapters.solana.reading import enough_of
from app.dex.adapters.solana.rpc import Rpc
from app.dex.errors import DexError
from app.settings import SettingsError

log = logging.getLogger("engine.network")

GENESIS_SECONDS = 4.0  # for the other nodes, once two have said which chain it is
GENESIS = {
    "mainnet-beta": "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
    "devnet": "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG",
}


class ChainId:
    """The genesis hash, once the nodes have told it."""

    def __init__(self) -> None:
        self._hash: str | None = None

    def __call__(self) -> str:
        if self._hash is None:
            raise RuntimeError("the chain was not asked who it is")
        return self._hash

    async def ask(self, providers: Sequence[Rpc], cluster: str | None) -> None:
        """Every provider that answers has to be of the chain that the settings name. One of three may be down."""
        asks = [partial(rpc.call, "getGenesisHash") for rpc in providers]
        try:
            told = await enough_of(asks, patience=GENESIS_SECONDS)
        except DexError as error:
            raise SettingsError(f"SOLANA_RPC_URL: a node does not say which chain it is of. {error.detail}") from None
        if len(told) < len(providers):
            log.warning("a node does not say which chain it is of", extra={"nodes": len(providers) - len(told)})
        if any(one != told[0] for one in told) or not isinstance(told[0], str):
            raise SettingsError("SOLANA_RPC_URL: the nodes are of different chains.")
        expected = GENESIS.get(cluster or "")
        if told[0] != expected and (expected or told[0] in GENESIS.values()):
            raise SettingsError(f"SOLANA_CLUSTER: the nodes are not of {cluster}.")
        self._hash = told[0]
