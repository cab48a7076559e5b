"""A local chain for one engine: its wallet, its journal, and the settings that trade on it."""

import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from solders.keypair import Keypair

from app.dex.adapters.solana.wallet import KeypairWallet

USUAL_PORT = 8899


@dataclass(frozen=True, slots=True)
class LocalChain:
    settings: Mapping[str, str]  # as environment variables
    command: Sequence[str]  # that runs the node
    url: str
    wallet: str


def prepare(home: Path) -> LocalChain:
    """Wallet and chain are made once, and kept in this directory."""
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    key = home / "wallet.json"
    if not key.exists():
        _write_key(key)
    wallet, port = str(KeypairWallet.read(str(key)).address), _port()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "ENGINE_MODE": "local",
        "ENGINE_HOME": str(home),
        "CHAIN": "solana",
        "SOLANA_CLUSTER": "localnet",
        "SOLANA_RPC_URL": url,
        "SOLANA_WALLET": wallet,
        "SOLANA_OWNER": "local",
        "SOLANA_KEYPAIR": str(key),
        "JUPITER_URL": f"{url}/jupiter",
        "JUPITER_REQUESTS_PER_SECOND": "1000",
        "RAYDIUM_URL": f"{url}/raydium",
    }
    journal = ["--journal", str(home / "chain.journal")]
    command = [sys.executable, "-P", "-m", "app.localnet", *journal, "--port", str(port), "--wallet", wallet]
    return LocalChain(settings, command, url, wallet)


def _write_key(path: Path) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(list(bytes(Keypair())), file)
    draft.replace(path)


def _port() -> int:
    """The usual one, or any if another node has it."""
    for port in (USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")
