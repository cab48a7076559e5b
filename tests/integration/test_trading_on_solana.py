"""The whole engine on a Solana chain: real transactions in a real VM, through JSON-RPC and stand-ins of the venues."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from app.dex.adapters.solana.programs import memo
from app.network import open_market, open_network
from app.network.solana import open_chain
from app.orders.reconciling.chains import filled_lately
from tests.engine import HAPPY, Engine, eventually
from tests.localnet import STRANGER, WALLET, land, usdc_of
from tests.solana_world import trading
from worker import reconciler
from worker.finality import Finality


async def test_an_order_lands_once_and_its_event_says_what_the_chain_says(
    tmp_path: Path, postgres_dsn: str, redis_dsn: str
) -> None:
    async with trading(tmp_path, (postgres_dsn, redis_dsn)) as (engine, node):
        validator = node.validator
        before = usdc_of(validator, WALLET.pubkey())
        order = (await engine.place())["orderId"]
        stream = await engine.read_stream(order)
        assert stream.statuses == HAPPY
        filled = stream.log[-1]
        assert list(validator.landed) == [filled["txHash"]]
        assert usdc_of(validator, WALLET.pubkey()) - before == round(float(filled["amountOut"]) * 10**6)
        assert await balance(engine, "USDC") == usdc_of(validator, WALLET.pubkey()) / 10**6
        assert await balance(engine, "SOL") == pytest.approx(100 - 1.5 - float(filled["networkFee"]), abs=1e-9)
        assert float(filled["networkFee"]) == validator.landed[filled["txHash"]].fee / 10**9
        assert "explorerUrl" not in filled  # nobody else can see this chain
        genesis = await engine.postgres.fetchval("SELECT chain FROM orders WHERE id = $1", order)
        await _finality_is_watched(engine, genesis, filled["txHash"])
        assert genesis == str(Pubkey.from_bytes(validator.clock.genesis_hash))


async def balance(engine: Engine, token: str) -> float:
    shown = (await engine.http.get("/api/wallet")).json()
    assert shown["address"] == str(WALLET.pubkey())
    [amount] = [one["amount"] for one in shown["balances"] if one["token"] == token]
    return float(amount)


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
    async with trading(tmp_path, (postgres_dsn, redis_dsn), dry_run=True) as (engine, node):
        stream = await engine.read_stream((await engine.place())["orderId"])
        assert stream.statuses == ["pending", "routing", "building", "failed"]
        failed = stream.log[-1]
        assert (failed["code"], failed["simulation"]["unitsIn"]) == ("dry_run", "1500000000")
        assert int(failed["simulation"]["unitsOut"]) > 200_000_000
        assert not node.validator.landed


async def test_the_orders_of_a_former_wallet_may_have_been_pruned(
    tmp_path: Path, postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`engine prune` keeps the newest fills of all wallets. Nothing would start while it reconciles."""
    monkeypatch.setattr(reconciler, "COMPARED", 1)
    async with trading(tmp_path, (postgres_dsn, redis_dsn)) as (engine, _):
        old = (await engine.place())["orderId"]
        assert (await engine.read_stream(old)).statuses == HAPPY
    key, former = json.dumps(list(bytes(STRANGER))), str(WALLET.pubkey())
    wallet: dict[str, Any] = {
        "solana_wallet": str(STRANGER.pubkey()),
        "solana_keypair": key,
        "solana_former_wallets": former,
    }
    async with trading(tmp_path, (postgres_dsn, redis_dsn), **wallet) as (engine, _):
        assert (await engine.read_stream((await engine.place())["orderId"])).statuses == HAPPY
        await engine.postgres.execute("DELETE FROM order_events WHERE order_id = $1", old)
        await engine.postgres.execute("DELETE FROM orders WHERE id = $1", old)
        await engine.start_worker()
        assert (await engine.read_stream((await engine.place())["orderId"])).statuses == HAPPY
    assert reconciler.BEHIND_CHAIN not in caplog.text


async def test_what_the_wallet_pays_by_other_means_is_no_swap_that_was_lost(
    tmp_path: Path, postgres_dsn: str, redis_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing would start while the engine reconciles, and the payment would count as much as an order may be worth."""
    async with trading(tmp_path, (postgres_dsn, redis_dsn)) as (engine, node):
        assert (await engine.read_stream((await engine.place())["orderId"])).statuses == HAPPY
        paid = transfer(TransferParams(from_pubkey=WALLET.pubkey(), to_pubkey=STRANGER.pubkey(), lamports=1))
        land(node.validator, [paid, memo("invoice #42", WALLET.pubkey())])
        await engine.stop_worker(engine.workers[0][0])
        await engine.start_worker()
        assert (await engine.read_stream((await engine.place())["orderId"])).statuses == HAPPY
    assert reconciler.BEHIND_CHAIN not in caplog.text
