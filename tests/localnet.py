"""A Solana chain for tests: the local validator with one wallet, in this process or behind HTTP."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from starlette.applications import Starlette

from app.dex.adapters.http import VenueHttp
from app.dex.adapters.jupiter import DEXES, Jupiter
from app.dex.adapters.raydium import RaydiumTrade
from app.dex.adapters.solana.prices import PoolPrices
from app.dex.adapters.solana.programs import token_account
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.adapters.solana.tokens import Tokens
from app.dex.adapters.venue import VendorVenue
from app.dex.curves import constant_product
from app.dex.errors import DexError
from app.dex.markets import Markets, Token
from app.localnet.genesis import genesis, mint_of, pool_of, vaults
from app.localnet.names import localnet
from app.localnet.pools import LocalPool, programs
from app.localnet.server import local_app
from app.localnet.validator import Landed, Validator
from app.localnet.view import Node
from app.tasks import cancel_and_wait
from tests.http_server import Server

MARKETS = Markets.load()
SOL, USDC, RAY = (MARKETS.token(symbol) for symbol in ("SOL", "USDC", "RAY"))
NAMES = localnet(MARKETS)
WALLET = Keypair.from_seed(b"the wallet of the tests, funded.")
STRANGER = Keypair.from_seed(b"somebody else, who is funded too")


def open_validator(path: Path, *, block_ms: int = 10_000) -> Validator:
    """By default no block passes by itself during a test."""
    accounts = genesis(MARKETS, [WALLET.pubkey(), STRANGER.pubkey()])
    return Validator.open(path, accounts, programs(), block_ms=block_ms)


def pool(venue: str = "raydium") -> LocalPool:
    return pool_of(venue, SOL, USDC)


def signed(validator: Validator, instructions: Sequence[Instruction], *, key: Keypair = WALLET, age: int = 0) -> bytes:
    """A transaction with a blockhash of so many blocks ago."""
    blockhash, _ = validator.latest_blockhash(validator.clock.height - age)
    message = MessageV0.try_compile(key.pubkey(), instructions, [], Hash.from_string(blockhash))
    return bytes(VersionedTransaction(message, [key]))


def land(validator: Validator, instructions: Sequence[Instruction], *, key: Keypair = WALLET) -> Landed:
    raw = signed(validator, instructions, key=key)
    assert validator.submit(raw)
    return validator.landed[signature_of(raw)]


def signature_of(raw: bytes) -> str:
    return str(VersionedTransaction.from_bytes(raw).signatures[0])


def built_swap(of: LocalPool, token_in: Token, token_out: Token, amount_in: int, floor: int) -> SolanaSwap:
    """As a venue builds it for the wallet, with a quote that says nothing."""
    return SolanaSwap(
        of.venue,
        (str(of.authority),),
        (token_in.symbol, token_out.symbol),
        amount_in,
        floor,
        wrap_sol=token_in == SOL,
        unwrap_sol=token_out == SOL,
        instruction=of.swap(WALLET.pubkey(), mint_of(token_in), amount_in, floor),
        quoted=2**64 - 1,
    )


def quoted(validator: Validator, of: LocalPool, token_in: Token, amount_in: int) -> int:
    """What a swap brings now."""
    [other] = of.mints - {mint_of(token_in)}
    reserves = [held(validator, of.vault(mint)) for mint in (mint_of(token_in), other)]
    return constant_product(amount_in, reserves[0], reserves[1], of.fee_millionths).amount_out


def held(validator: Validator, account: Pubkey) -> int:
    """What a token account holds."""
    found = validator.account(account)
    balance = validator.token_balance(found) if found else None
    return balance.amount if balance else 0


def usdc_of(validator: Validator, owner: Pubkey) -> int:
    return held(validator, token_account(owner, mint_of(USDC)))


@asynccontextmanager
async def served(node: Node) -> AsyncIterator[str]:
    """The URL of a node that answers over HTTP."""
    async with serving(local_app(node, MARKETS)) as url:
        yield url


@dataclass
class Vendors:
    """The venues of a local chain, as an engine opens them."""

    prices: PoolPrices
    venues: dict[str, VendorVenue]


@asynccontextmanager
async def vendors(url: str, *, jupiter: str | None = None, raydium: str | None = None) -> AsyncIterator[Vendors]:
    """Those of the node at a URL, or of somebody else who answers for them."""
    rpc = Rpc(url)
    prices = PoolPrices([rpc], MARKETS, vaults(MARKETS))
    await prices.refresh()
    refreshing = asyncio.create_task(_refresh_forever(prices))
    apis = VenueHttp(jupiter or f"{url}/jupiter"), VenueHttp(raydium or f"{url}/raydium")
    common: dict[str, Any] = {"wallet": str(WALLET.pubkey()), "markets": MARKETS, "prices": prices}
    yield Vendors(
        prices,
        {
            "jupiter_raydium": Jupiter("raydium", DEXES["raydium"], apis[0], **common),
            "jupiter_meteora": Jupiter("meteora", DEXES["meteora"], apis[0], **common),
            "raydium_trade": RaydiumTrade(apis[1], **common, tokens=Tokens([rpc]), programs=NAMES.programs["raydium"]),
        },
    )
    await cancel_and_wait(refreshing)
    await asyncio.gather(rpc.close(), *(api.close() for api in apis))


async def _refresh_forever(prices: PoolPrices) -> None:
    while True:
        await asyncio.sleep(1)
        with suppress(DexError):
            await prices.refresh()


@asynccontextmanager
async def serving(app: Starlette) -> AsyncIterator[str]:
    server = Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    # With its protocol named: asyncio sets TCP_NODELAY on no other, and each answer would take 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                await asyncio.sleep(0.001)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.stop.set()
            await task
