"""The whole engine with Raydium's own API as its only venue (`VENUES=raydium`), on a local chain."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from app.localnet.genesis import mint_of
from app.localnet.pools import LocalPool
from app.localnet.view import Node
from tests.engine import HAPPY, Engine, eventually
from tests.localnet import SOL, STRANGER, WALLET, land, pool, usdc_of
from tests.solana_world import trading


@pytest.fixture
async def desk(tmp_path: Path, postgres_dsn: str, redis_dsn: str) -> AsyncIterator[tuple[Engine, Node]]:
    settings: dict[str, Any] = {"venues": "raydium", "max_attempts": 1}
    async with trading(tmp_path, (postgres_dsn, redis_dsn), block_ms=200, **settings) as opened:
        yield opened


async def test_an_order_is_quoted_and_filled_by_raydium_alone(desk: tuple[Engine, Node]) -> None:
    engine, node = desk
    before = usdc_of(node.validator, WALLET.pubkey())
    stream = await engine.read_stream((await engine.place())["orderId"])
    assert stream.statuses == HAPPY
    assert [quote["venue"] for quote in stream.log[2]["quotes"]] == ["raydium"]
    filled = stream.log[-1]
    assert list(node.validator.landed) == [filled["txHash"]]
    assert usdc_of(node.validator, WALLET.pubkey()) - before == round(float(filled["amountOut"]) * 10**6)


async def test_a_price_that_moved_before_it_landed_fails_it_on_the_chain(desk: tuple[Engine, Node]) -> None:
    engine, node = desk
    before = usdc_of(node.validator, WALLET.pubkey())
    node.faults.swallow = 1
    order = (await engine.place(slippageBps=1))["orderId"]

    async def is_sent() -> bool:
        return bool((await engine.order(order))["status"] == "submitted")

    await eventually(is_sent)
    land(node.validator, pool().whole_swap(STRANGER.pubkey(), mint_of(SOL), 90 * 10**9, 1), key=STRANGER)
    node.faults.swallow = 0
    failed = (await engine.read_stream(order)).log[-1]
    assert (failed["status"], failed["code"]) == ("failed", "slippage_exceeded")
    [ours] = [one for one in node.validator.landed.values() if WALLET.pubkey() in one.keys[:1]]
    assert ours.error is not None
    assert usdc_of(node.validator, WALLET.pubkey()) == before


async def test_a_transaction_that_may_bring_less_than_the_order_says_is_not_signed(
    desk: tuple[Engine, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, node = desk
    honest = LocalPool.swap

    def greedy(self: LocalPool, trader: Pubkey, mint_in: Pubkey, amount_in: int, min_out: int) -> Instruction:
        return honest(self, trader, mint_in, amount_in, min_out - 1)

    monkeypatch.setattr(LocalPool, "swap", greedy)
    stream = await engine.read_stream((await engine.place())["orderId"])
    assert stream.statuses == ["pending", "routing", "building", "failed"]
    assert stream.log[-1]["code"] == "unsafe_transaction"
    assert not node.validator.landed
