"""Orders that the engine executes on a local chain, through venues that answer over HTTP."""

import asyncio
from pathlib import Path

from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.wallet import KeypairWallet
from app.dex.amounts import to_base_units
from app.localnet.faults import Faults
from app.localnet.view import Node
from tests.engine import HAPPY, Engine, eventually
from tests.localnet import NAMES, SOL, USDC, WALLET, open_validator, served, usdc_of, vendors
from tests.solana_world import trading

AMOUNT = 0.05


async def test_orders_on_a_node_that_loses_sends_and_answers_are_each_filled_once(
    engine: Engine, tmp_path: Path
) -> None:
    validator = open_validator(tmp_path / "journal", block_ms=50)
    faults, held = Faults(), usdc_of(validator, WALLET.pubkey())
    async with served(Node(validator, faults)) as url, vendors(url) as opened:
        rpc = Rpc(url)
        chain = SolanaChain([rpc], KeypairWallet(WALLET), NAMES, max_priority_lamports=10_000, poll_seconds=0.05)
        venues = [opened.venues["jupiter_raydium"], opened.venues["jupiter_meteora"]]
        await engine.start_worker(venues=venues, chain=chain, max_attempts=20, retry_base_seconds=0.05)
        faults.swallow, faults.mute = 0.3, 0.05
        orders = [(await engine.place(amount=AMOUNT, slippageBps=300))["orderId"] for _ in range(4)]
        streams = await asyncio.gather(*(engine.read_stream(order, within=20) for order in orders))
        faults.swallow = faults.mute = 0
        await rpc.close()
    landed = [one for one in validator.landed.values() if one.error is None]
    assert sorted(memo.split(" ")[0] for one in landed for memo in one.memos) == sorted(orders)
    brought = 0
    for order, stream in zip(orders, streams, strict=True):
        last, [found] = stream.events[-1], [one for one in landed if one.memos[0].startswith(order)]
        assert [status for status in stream.statuses if status in HAPPY][-2:] == ["submitted", "confirmed"]
        assert last["txHash"] == found.signature
        brought += to_base_units(last["amountOut"], 6)
    assert usdc_of(validator, WALLET.pubkey()) - held == brought
    validator.close()


async def test_a_swap_of_a_token_that_was_taken_off_the_list_meanwhile_is_confirmed(
    tmp_path: Path, postgres_dsn: str, redis_dsn: str, primed_queue: None
) -> None:
    async with trading(tmp_path, (postgres_dsn, redis_dsn), confirm_seconds=1) as (engine, node):
        node.faults.swallow = 1
        order = (await engine.place(tokenOut="RAY", amount=AMOUNT))["orderId"]

        async def has(status: str) -> bool:
            return bool((await engine.order(order))["status"] == status)

        await eventually(lambda: has("submitted"))
        await engine.stop_worker(engine.workers[0][0])
        await engine.start_worker(allowed_mints=(SOL.mint, USDC.mint))
        node.faults.swallow = 0
        await eventually(lambda: has("confirmed"), within=10)
        assert float((await engine.order(order))["amountOut"]) > 0
