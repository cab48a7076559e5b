"""Settings of a real chain that do not go together are refused at the start, in one sentence."""

from typing import Any

import pytest

from app.preflight import refuse_unsafe
from app.settings import Settings, SettingsError, load
from tests.unit.test_preflight import SAFE

WALLET = "4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"
KEY = "[" + ",".join(["7"] * 64) + "]"
LOCAL: dict[str, Any] = {
    "chain": "solana",
    "solana_cluster": "localnet",
    "solana_rpc_url": "http://127.0.0.1:8899",
    "solana_wallet": WALLET,
    "jupiter_url": "http://127.0.0.1:8899/jupiter",
}
MAINNET: dict[str, Any] = SAFE | {
    "chain": "solana",
    "solana_cluster": "mainnet-beta",
    "solana_rpc_url": "https://one.my-node.net/?key=abc, https://two.my-node.net",
    "solana_wallet": WALLET,
    "solana_owner": "desk",
    "jupiter_api_key": "a-key",
    "markets_file": "/etc/engine/markets.toml",
    "allowed_mints": WALLET,
    "max_daily_usd": 500,
    "max_slippage_bps": 300,
}


def settings(base: dict[str, Any], **changes: Any) -> Settings:
    return load(_env_file=None, **base | changes)


def test_what_goes_together_starts() -> None:
    refuse_unsafe(settings({}), api=True)
    refuse_unsafe(settings(LOCAL), api=True)
    refuse_unsafe(settings(LOCAL, solana_keypair=KEY), api=False, signs=True)
    refuse_unsafe(settings(LOCAL, solana_rpc_url="http://127.0.0.1:1, http://127.0.0.1:2"), api=True)
    refuse_unsafe(settings(MAINNET), api=True)
    refuse_unsafe(settings(MAINNET, solana_keypair="/run/secrets/wallet.json"), api=False, signs=True)


@pytest.mark.parametrize(
    ("base", "changes", "says"),
    [
        ({}, {"dry_run": True}, r"^DRY_RUN: .*CHAIN=solana"),
        ({}, {"solana_keypair": KEY}, r"^SOLANA_KEYPAIR: .*CHAIN=solana"),
        ({}, {"solana_cluster": "devnet"}, r"^SOLANA_CLUSTER: .*CHAIN=solana"),
        (LOCAL, {"solana_cluster": None}, r"^SOLANA_CLUSTER: not set"),
        (LOCAL, {"solana_rpc_url": ""}, r"^SOLANA_RPC_URL: not set"),
        (LOCAL, {"solana_rpc_url": "https://node.my-node.net"}, r"^SOLANA_RPC_URL: .*on this machine"),
        (LOCAL, {"solana_wallet": "0x12"}, r"^SOLANA_WALLET: "),
        (LOCAL, {"solana_owner": "desk"}, r"^SOLANA_OWNER: .*in local mode it is local"),
        (LOCAL, {"jupiter_url": "http://jupiter.my-node.net"}, r"^JUPITER_URL: .*https"),
        (LOCAL, {"allowed_mints": "SOL"}, r"^ALLOWED_MINTS: "),
        (MAINNET, {"solana_rpc_url": "http://one.my-node.net"}, r"^SOLANA_RPC_URL: .*https"),
        (MAINNET, {"solana_rpc_url": "https://a.net/1, https://a.net/2"}, r"^SOLANA_RPC_URL: two addresses of one"),
        (MAINNET, {"solana_rpc_url": "https://a.net, https://a.net:443"}, r"^SOLANA_RPC_URL: two addresses of one"),
        (MAINNET, {"solana_rpc_url": "https://me@a.net, https://a.net"}, r"^SOLANA_RPC_URL: two addresses of one"),
        (MAINNET, {"solana_rpc_url": "https://a.net, https://A.net."}, r"^SOLANA_RPC_URL: two addresses of one"),
        (MAINNET, {"solana_rpc_url": "https://1.2.3.4, https://0x01020304"}, r"^SOLANA_RPC_URL: two addresses of one"),
        (MAINNET, {"solana_rpc_url": "https://1.2.3.4, https://[::ffff:1.2.3.4]"}, r"^SOLANA_RPC_URL: two addresses"),
        (MAINNET, {"solana_rpc_url": "https://localhost, https://127.1"}, r"^SOLANA_RPC_URL: two addresses of one"),
        (MAINNET, {"solana_rpc_url": "https://a.net"}, r"^SOLANA_RPC_URL: one provider is believed"),
        (MAINNET, {"solana_former_wallets": "0x12"}, r"^SOLANA_FORMER_WALLETS: "),
        (MAINNET, {"engine_mode": "local", "solana_owner": "local"}, r"^SOLANA_CLUSTER: .*ENGINE_MODE=production"),
        (MAINNET, {"markets_file": None}, r"^MARKETS_FILE: not set"),
        (MAINNET, {"jupiter_api_key": None}, r"^JUPITER_API_KEY: not set"),
        (MAINNET, {"solana_cluster": "devnet"}, r"^VENUES: .*mainnet-beta only"),
        (MAINNET, {"allowed_mints": ""}, r"^ALLOWED_MINTS: not set"),
        (MAINNET, {"max_order_usd": 0}, r"^MAX_ORDER_USD: 0 is no limit"),
        (MAINNET, {"max_daily_usd": 0}, r"^MAX_DAILY_USD: 0 is no limit"),
        (MAINNET, {"max_daily_fee_lamports": 0}, r"^MAX_DAILY_FEE_LAMPORTS: 0 is no limit"),
        (MAINNET, {"max_slippage_bps": 1_001}, r"^MAX_SLIPPAGE_BPS: set at most 1000"),
        (MAINNET, {"solana_keypair": KEY}, r"^SOLANA_KEYPAIR: only the worker"),
    ],
)
def test_what_does_not_is_refused(base: dict[str, Any], changes: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        refuse_unsafe(settings(base, **changes), api=True)


def test_a_worker_needs_the_key_and_nobody_sees_it() -> None:
    with pytest.raises(SettingsError, match=r"^SOLANA_KEYPAIR: not set"):
        refuse_unsafe(settings(LOCAL), api=False, signs=True)
    chosen = settings(MAINNET, solana_keypair=KEY)
    for text in (repr(chosen), str(chosen), chosen.model_dump_json()):
        assert "7,7,7" not in text
        assert "a-key" not in text
    assert "key=abc" not in repr(chosen)
