"""`python -m app.localnet --journal FILE`: a Solana node on this machine, for development and tests. Loopback only."""

import argparse
from pathlib import Path

import uvicorn
from solders.pubkey import Pubkey

from app.dex.markets import Markets
from app.localnet.faults import Faults
from app.localnet.genesis import genesis
from app.localnet.pools import programs
from app.localnet.server import local_app
from app.localnet.validator import Validator
from app.localnet.view import Node


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.localnet", description=__doc__)
    parser.add_argument("--journal", type=Path, required=True, help="where the chain is kept")
    parser.add_argument("--port", type=int, default=8899)
    parser.add_argument("--block-ms", type=int, default=400, help="of a new chain")
    parser.add_argument("--wallet", type=Pubkey.from_string, action="append", default=[], help="funded from the start")
    chosen = parser.parse_args()
    markets = Markets.load()
    accounts = genesis(markets, chosen.wallet)
    validator = Validator.open(chosen.journal, accounts, programs(), block_ms=chosen.block_ms)
    try:
        uvicorn.run(
            local_app(Node(validator, Faults()), markets), host="127.0.0.1", port=chosen.port, log_level="warning"
        )
    finally:
        validator.close()


if __name__ == "__main__":
    main()
