"""The chains that `test_chain_conformance.py` tests, each with what it takes to arrange things on it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.wallet import KeypairWallet
from app.dex.chain import Blockhash, Chain, SignedSwap
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap
from app.localnet.faults import Faults
from app.localnet.genesis import mint_of
from app.localnet.validator import Validator
from app.localnet.view import Node
from app.mockchain.ledger import MockChain
from tests.fakes import ScriptedChain
from tests.localnet import (
    NAMES,
    SOL,
    STRANGER,
    USDC,
    WALLET,
    built_swap,
    land,
    open_validator,
    pool,
    quoted,
    served,
)

SWAP = BuiltSwap("raydium", ("pool",), ("SOL", "USDC"), 10**9, 1, wrap_sol=True, unwrap_sol=False)
ABSURD = replace(SWAP, min_amount_out=2**63)


@dataclass(frozen=True)
class Network:
    """A network with two connections, as two processes have, and what the tests need to arrange on it."""

    chain: Chain
    other: Chain
    fills: Callable[[str], Awaitable[int]]  # how many transactions landed with this memo
    expired_blockhash: Callable[[], Awaitable[Blockhash]]  # nothing signed with it can land any more
    refused: Callable[[Blockhash], Awaitable[SignedSwap]]  # signed for "order"; sent next, it fails on chain
    swap: Callable[[int], BuiltSwap] = lambda floor: replace(SWAP, min_amount_out=floor)  # by its floor
    brings: Callable[[], int] = lambda: 7  # what the next swap brings


class FixedVenue:
    """A venue whose swaps bring 7, or fail if that is not enough."""

    name = "raydium"

    def fill(self, swap: BuiltSwap, slot: int) -> int:
        if swap.min_amount_out > 7:
            raise DexError("slippage_exceeded", "below the minimum")
        return 7


@asynccontextmanager
async def mock_network(dsn: str) -> AsyncIterator[Network]:
    chain, other = [
        await MockChain.open(dsn, venues=[FixedVenue()], execution_ms_min=0, execution_ms_max=0) for _ in range(2)
    ]

    async def fills(memo: str) -> int:
        sql = "SELECT count(*) FROM chain.transactions WHERE memo = $1 AND status = 'landed'"
        return int(await chain._pool.fetchval(sql, memo))

    async def expired_blockhash() -> Blockhash:
        now = await chain.blockhash()
        return replace(now, last_valid_height=now.slot - 1)

    async def refused(blockhash: Blockhash) -> SignedSwap:
        return await chain.sign(ABSURD, memo="order", attempt=1, blockhash=blockhash)

    yield Network(chain, other, fills, expired_blockhash, refused)
    await asyncio.gather(chain.close(), other.close())


@asynccontextmanager
async def scripted_network(_: str) -> AsyncIterator[Network]:
    chain = ScriptedChain([7])

    async def fills(memo: str) -> int:
        return len(chain.fills(memo))

    async def expired_blockhash() -> Blockhash:
        now = await chain.blockhash()
        return replace(now, last_valid_height=now.slot - 1)

    async def refused(blockhash: Blockhash) -> SignedSwap:
        chain.script[:] = ["slippage_exceeded"]
        return await chain.sign(ABSURD, memo="order", attempt=1, blockhash=blockhash)

    yield Network(chain, chain, fills, expired_blockhash, refused)


class OnNewBlock(SolanaChain):
    """A block follows each send, so that a test does not have to wait for one."""

    validator: Validator

    async def send(self, signed: SignedSwap, *, not_after: float) -> None:
        await super().send(signed, not_after=not_after)
        self.validator.skip(1)


@asynccontextmanager
async def localnet_network(_: str) -> AsyncIterator[Network]:
    with TemporaryDirectory() as folder:
        validator = open_validator(Path(folder) / "journal")
        async with served(Node(validator, Faults())) as url:
            chain, other = [
                OnNewBlock([Rpc(url)], KeypairWallet(WALLET), NAMES, max_priority_lamports=10_000) for _ in range(2)
            ]
            chain.validator = other.validator = validator

            async def fills(memo: str) -> int:
                landed = [one for one in validator.landed.values() if one.error is None]
                return sum(text.split(" #")[0] == memo for one in landed for text in one.memos)

            async def expired_blockhash() -> Blockhash:
                blockhash = await chain.blockhash()
                validator.skip(200)
                return blockhash

            def brings() -> int:
                return quoted(validator, pool(), SOL, 10**9)

            def swap(floor: int) -> BuiltSwap:
                return built_swap(pool(), SOL, USDC, 10**9, floor)

            async def refused(blockhash: Blockhash) -> SignedSwap:
                signed = await chain.sign(swap(brings()), memo="order", attempt=1, blockhash=blockhash)
                land(validator, pool().whole_swap(STRANGER.pubkey(), mint_of(SOL), 10**9, 1), key=STRANGER)
                return signed

            yield Network(chain, other, fills, expired_blockhash, refused, swap, brings)
            await asyncio.gather(chain.close(), other.close())
        validator.close()


NETWORKS: dict[str, Callable[[str], AbstractAsyncContextManager[Network]]] = {
    "mock": mock_network,
    "scripted": scripted_network,
    "localnet": localnet_network,
}
