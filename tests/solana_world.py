"""What tests do with a local chain: adapters on nodes that misbehave, and a whole engine that trades on it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.wallet import KeypairWallet
from app.dex.chain import SignedSwap, verdict
from app.localnet.faults import Faults
from app.localnet.validator import Validator
from app.localnet.view import Node
from tests.engine import Engine, running_engine
from tests.fakes import in_a_while
from tests.localnet import NAMES, SOL, USDC, WALLET, built_swap, open_validator, pool, served

PASSED = 200  # blocks after which a blockhash is over, on finalized blocks too


@dataclass
class World:
    validator: Validator
    faults: list[Faults]  # of each provider
    rpcs: list[Rpc]
    chain: SolanaChain

    async def signed(self, *, amount: int = 10**9, floor: int = 1, name: str = "order", attempt: int = 1) -> SignedSwap:
        swap = built_swap(pool(), SOL, USDC, amount, floor)
        return await self.chain.sign(swap, memo=name, attempt=attempt, blockhash=await self.chain.blockhash())

    async def sent(self, swap: SignedSwap) -> None:
        await self.chain.send(swap, not_after=in_a_while())
        self.validator.skip(1)

    async def verdict(self, swap: SignedSwap) -> str:
        return verdict(await self.chain.ask(swap.signature), swap.last_valid_height)

    def fills(self, name: str = "order") -> int:
        landed = [one for one in self.validator.landed.values() if one.error is None]
        return sum(text.split(" #")[0] == name for one in landed for text in one.memos)


@asynccontextmanager
async def a_world(folder: Path, *, providers: int = 1, block_ms: int = 10_000) -> AsyncIterator[World]:
    validator = open_validator(folder / "journal", block_ms=block_ms)
    faults = [Faults() for _ in range(providers)]
    async with AsyncExitStack() as stack:
        nodes = [Node(validator, one, seed=seed) for seed, one in enumerate(faults, 1)]
        rpcs = [Rpc(await stack.enter_async_context(served(node)), timeout=1) for node in nodes]
        chain = SolanaChain(rpcs, KeypairWallet(WALLET), NAMES, max_priority_lamports=10_000)
        try:
            yield World(validator, faults, rpcs, chain)
        finally:
            await chain.close()
    validator.close()


def tells(monkeypatch: pytest.MonkeyPatch, world: World, liar: int, method: str, lie: Callable[[Any], Any]) -> None:
    """One provider makes something else of its answers to a method."""
    honest = world.rpcs[liar].call

    async def call(called: str, *params: Any, within: float | None = None) -> Any:
        answer = await honest(called, *params, within=within)
        return lie(answer) if called == method and answer is not None else answer

    monkeypatch.setattr(world.rpcs[liar], "call", call)


@asynccontextmanager
async def trading(
    path: Path, servers: tuple[str, str], *, block_ms: int = 50, **settings: Any
) -> AsyncIterator[tuple[Engine, Node]]:
    """An engine with a worker, on a chain of its own."""
    node = Node(validator := open_validator(path / "journal", block_ms=block_ms), Faults())
    async with served(node) as url:
        chosen: dict[str, Any] = {
            "chain": "solana",
            "solana_cluster": "localnet",
            "solana_rpc_url": url,
            "solana_wallet": str(WALLET.pubkey()),
            "solana_keypair": json.dumps(list(bytes(WALLET))),
            "jupiter_url": f"{url}/jupiter",
            "jupiter_requests_per_second": 1000,
            "raydium_url": f"{url}/raydium",
        }
        async with running_engine(*servers, **chosen | settings) as engine:
            await engine.start_worker()
            yield engine, node
    validator.close()
