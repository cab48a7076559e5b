"""A node that takes long delays no price: orders that wait would fire seconds late."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from app.dex.adapters.solana import prices as module
from app.dex.adapters.solana.prices import PoolPrices
from app.dex.adapters.solana.rpc import Rpc
from app.localnet.faults import Faults
from app.localnet.genesis import vaults
from app.localnet.view import Node
from tests.localnet import MARKETS, open_validator, served


@pytest.mark.parametrize("slow", [0, 1])
async def test_another_node_is_asked_beside_one_that_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: int
) -> None:
    monkeypatch.setattr(module, "NODE_SECONDS", 0.01)

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    node = Node(open_validator(tmp_path / "journal"), Faults())
    async with AsyncExitStack() as stack:
        rpcs = [Rpc(await stack.enter_async_context(served(node))) for _ in range(3)]
        prices = PoolPrices(rpcs, MARKETS, vaults(MARKETS))
        monkeypatch.setattr(rpcs[slow], "call", never)
        async with asyncio.timeout(5):
            await prices.refresh()
        assert prices.mid(MARKETS, "raydium", MARKETS.token("SOL"), MARKETS.token("USDC")) is not None
        await asyncio.gather(*(rpc.close() for rpc in rpcs))
