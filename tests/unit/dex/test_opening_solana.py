"""Opening a Solana chain: nodes, key and markets are compared with the settings before anything is traded."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.dex.adapters.solana.names import DEVNET
from app.dex.adapters.solana.rpc import Rpc, RpcUnanswered
from app.dex.chain import SignedSwap
from app.dex.fill import fill
from app.dex.markets import Markets
from app.dex.quotes import QuoteRequest
from app.network import open_network
from app.network.genesis import GENESIS, ChainId
from app.network.solana import SolanaNetwork, movable, open_chain
from app.settings import Settings, SettingsError, load
from tests.localnet import WALLET

SOMEBODY = "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
SOL = "So11111111111111111111111111111111111111112"


def settings(**changes: Any) -> Settings:
    chosen = {
        "chain": "solana",
        "solana_cluster": "localnet",
        "solana_rpc_url": "http://127.0.0.1:1",
        "solana_wallet": str(WALLET.pubkey()),
        "jupiter_url": "http://127.0.0.1:1/jupiter",
    }
    return load(_env_file=None, **chosen | changes)


class Node(Rpc):
    """It says that it is of this chain."""

    def __init__(self, told: object) -> None:
        super().__init__("http://127.0.0.1:1")
        self._told = told

    async def call(self, method: str, *params: Any, within: float | None = None) -> object:
        if isinstance(self._told, Exception):
            raise self._told
        return self._told


async def ask(cluster: str, *told: object) -> str:
    chain_id = ChainId()
    await chain_id.ask([Node(one) for one in told], cluster)
    return chain_id()


async def test_the_nodes_have_to_be_of_the_chain_that_the_settings_name() -> None:
    assert await ask("localnet", "own", "own") == "own"
    assert await ask("devnet", GENESIS["devnet"]) == GENESIS["devnet"]
    assert await ask("localnet", RpcUnanswered("Silent."), "own", "own") == "own"
    for cluster, told, says in (
        ("devnet", [GENESIS["mainnet-beta"]], "SOLANA_CLUSTER: the nodes are not of devnet"),
        ("mainnet-beta", [GENESIS["devnet"]], "not of mainnet-beta"),
        ("localnet", [GENESIS["mainnet-beta"]], "not of localnet"),
        ("devnet", [GENESIS["devnet"], GENESIS["mainnet-beta"]], "of different chains"),
        ("devnet", [GENESIS["devnet"], RpcUnanswered("Silent.")], "does not say which chain"),
        ("localnet", ["own", RpcUnanswered("Silent."), RpcUnanswered("Silent.")], "does not say which chain"),
        ("localnet", ["own", RpcUnanswered("Silent."), "other"], "of different chains"),
        ("localnet", [None], "of different chains"),
        ("localnet", ["own", []], "of different chains"),
    ):
        with pytest.raises(SettingsError, match=says):
            await ask(cluster, *told)


def test_an_order_is_placed_for_no_chain_that_was_not_asked() -> None:
    with pytest.raises(RuntimeError):
        open_network(settings()).chain_id()


def test_the_key_has_to_be_that_of_the_wallet() -> None:
    key = json.dumps(list(bytes(WALLET)))
    chosen = settings(solana_keypair=key)
    open_chain(chosen, open_network(chosen))
    other = settings(solana_keypair=key, solana_wallet=SOMEBODY)
    with pytest.raises(SettingsError, match="not the key of SOLANA_WALLET") as refused:
        open_chain(other, open_network(other))
    assert key not in str(refused.value)


def test_only_tokens_that_may_be_traded_are_listed() -> None:
    markets = open_network(settings(allowed_mints=f"{SOL},{USDC}")).markets
    assert [token.symbol for token in markets.tokens] == ["SOL", "USDC"]
    assert {pool.pair for pool in markets.pools} == {"SOL-USDC"}
    with pytest.raises(SettingsError, match=r"ALLOWED_MINTS: .* is the mint of no token"):
        open_network(settings(allowed_mints=str(WALLET.pubkey())))


def test_only_the_prices_of_a_local_chain_are_moved_by_hand() -> None:
    opened = open_network(settings())
    assert isinstance(opened, SolanaNetwork)
    assert movable(settings(), opened) is not None
    for changes in ({"solana_cluster": "devnet"}, {"solana_cluster": "mainnet-beta"}, {"engine_mode": "production"}):
        assert movable(settings(**changes), opened) is None


def test_pools_of_a_real_chain_name_their_vaults(tmp_path: Path) -> None:
    file = tmp_path / "markets.toml"
    head = """
        [[tokens]]
        symbol = "SOL"\nname = "Solana"\nmint = "So11111111111111111111111111111111111111112"\ndecimals = 9\nusd = "150"
        [[tokens]]
        symbol = "USDC"\nname = "Dollar"\nmint = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"\ndecimals = 6\nusd = "1"
        [[pools]]
        venue = "raydium"\nx = "SOL"\ny = "USDC"\ndepth_usd = 1000000
    """
    devnet: dict[str, Any] = {"solana_cluster": "devnet", "venues": "raydium", "markets_file": file}
    for text, says in ((head, "SOL-USDC of raydium has no vaults"), ("tokens = 1", "cannot be read")):
        file.write_text(text)
        with pytest.raises(SettingsError, match=f"MARKETS_FILE: .*{says}"):
            open_network(settings(**devnet))
    file.write_text(f'{head}\nvaults = ["{SOMEBODY}", "{USDC}"]')
    opened = open_network(settings(**devnet))
    assert opened.markets.venues == ("raydium",)
    assert isinstance(opened, SolanaNetwork)
    assert opened.names.programs["raydium"] == tuple(opened.names.forms) == tuple(DEVNET.values())
    file.write_text(head.replace("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v", SOL))
    with pytest.raises(SettingsError, match="MARKETS_FILE"):
        open_network(settings(**devnet))


def test_the_event_of_a_fill_says_what_it_cost_and_where_to_look() -> None:
    markets = Markets.load()
    request = QuoteRequest(markets.token("SOL"), markets.token("USDC"), 10**9)
    signed = SignedSwap("sig", b"", 1, "raydium")
    assert fill(request, signed, 150_000_000, None, None) == {
        "txHash": "sig",
        "dex": "raydium",
        "executedPrice": "150",
        "amountOut": "150",
    }
    real = fill(request, signed, 150_000_000, 5_000, "https://explorer.solana.com/tx/sig")
    assert (real["networkFee"], real["explorerUrl"]) == ("0.000005", "https://explorer.solana.com/tx/sig")
