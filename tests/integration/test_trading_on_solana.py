"""The whole engine on a Solana chain: real transactions in a real VM, through JSON-RPC and stand-ins of the venues."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey

from app.localnet.faults import Faults
from app.localnet.validator import Validator
from app.localnet.view import Node
from app.network import open_market, open_network
from app.network.solana import open_chain
from app.orders.reconciling.chains import filled_lately
from tests.engine import HAPPY, Engine, eventually, running_engine
from tests.localnet import WALLET, open_validator, served, usdc_of
from worker.finality import Finality


@asynccontextmanager
async def trading(path: Path, servers: tuple[str, str], **settings: Any) -> AsyncIterator[tuple[Engine, Validator]]:
    """An engine with a worker, on a chain of its own."""
    validator = open_validator(path / "journal", block_ms=50)
    async with served(Node(validator, Faults())) as url:
        chosen: dict[str, Any] = {
            "chain": "solana",
            "solana_cluster": "localnet",
            "solana_rpc_url": url,
            "solana_wallet": str(WALLET.pubkey()),
            "solana_keypair": json.dumps(list(bytes(WALLET))),
            "jupiter_url": f"{url}/jupiter",
            "jupiter_requests_per_second": 1000,
        }
        async with running_engine(*servers, **chosen | settings) as engine:
            await engine.start_worker()
            yield engine, validator
    validator.close()


async def test_an_order_lands_once_and_its_event_says_what_the_chain_says(
    tmp_path: Path, postgres_dsn: str, redis_dsn: str
) -> None:
    async with trading(tmp_path, (postgres_dsn, redis_dsn)) as (engine, validator):
        before = usdc_of(validator, WALLET.pubkey())
        order = (await engine.place())["orderId"]
        stream = await engine.read_stream(order)
        assert stream.statuses == HAPPY
        filled = stream.log[-1]
        assert list(validator.landed) == [filled["txHash"]]
        assert usdc_of(validator, WALLET.pubkey()) - before == round(float(filled["amountOut"]) * 10**6)
        assert float(filled["networkFee"]) == validator.landed[filled["txHash"]].fee / 10**9
        assert "explorerUrl" not in filled  # nobody else can see this chain
        genesis = await engine.postgres.fetchval("SELECT chain FROM orders WHERE id = $1", order)
        await _finality_is_watched(engine, genesis, filled["txHash"])
        assert genesis == str(Pubkey.from_bytes(validator.clock.genesis_hash))


class Never:
    async def not_final(self, signatures: Sequence[str]) -> Sequence[str]:
        return signatures


async def _finality_is_watched(engine: Engine, genesis: str, signature: str) -> None:
    late = Finality(lambda _: filled_lately(engine.postgres, genesis, 0), Never())
    assert (await late.round(), await late.round()) == ([signature], [])  # told once
    assert await filled_lately(engine.postgres, "of another chain", 0) == {}
    assert await filled_lately(engine.postgres, genesis, 60) == {}
    network = open_network(engine.settings)
    async with open_market(engine.settings, network):
        chain, unknown = open_chain(engine.settings, network), "1" * 88

        async def is_final() -> bool:
            return await chain.not_final([signature, unknown]) == [unknown]

        await eventually(is_final)


async def test_a_dry_run_ends_before_the_signature_and_tells_the_simulation(
    tmp_path: Path, postgres_dsn: str, redis_dsn: str
) -> None:
    async with trading(tmp_path, (postgres_dsn, redis_dsn), dry_run=True) as (engine, validator):
        stream = await engine.read_stream((await engine.place())["orderId"])
        assert stream.statuses == ["pending", "routing", "building", "failed"]
        failed = stream.log[-1]
        assert (failed["code"], failed["simulation"]["unitsIn"]) == ("dry_run", "1500000000")
        assert int(failed["simulation"]["unitsOut"]) > 200_000_000
        assert not validator.landed
