"""A wallet that counts its signatures, and what is asked of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from app.dex.adapters.solana.chain import SolanaChain
from app.dex.adapters.solana.programs import token_account
from app.dex.adapters.solana.rpc import Rpc
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.adapters.solana.wallet import KeypairWallet
from app.dex.chain import Blockhash, SignedSwap
from app.dex.errors import DexError
from app.dex.markets import Token
from app.localnet.faults import Faults
from app.localnet.genesis import mint_of, pool_of
from app.localnet.validator import Validator
from app.localnet.view import Node
from tests.localnet import NAMES, SOL, STRANGER, USDC, WALLET, built_swap, open_validator, served

ME, THIEF = WALLET.pubkey(), STRANGER.pubkey()
MY_USDC, THEIR_USDC = token_account(ME, mint_of(USDC)), token_account(THIEF, mint_of(USDC))
AMOUNT, MAX_PRIORITY = 10**8, 10_000


class CountingWallet(KeypairWallet):
    signatures = 0

    async def sign(self, message: bytes) -> bytes:
        self.signatures += 1
        return await super().sign(message)


@dataclass
class Desk:
    validator: Validator
    faults: Faults
    providers: list[Rpc]
    wallet: CountingWallet
    chain: SolanaChain
    hash: Blockhash

    async def sign(self, swap: SolanaSwap) -> SignedSwap:
        return await self.chain.sign(swap, memo="order", attempt=1, blockhash=self.hash)

    async def refuses(self, swap: SolanaSwap) -> str:
        with pytest.raises(DexError) as refused:
            await self.sign(swap)
        assert self.wallet.signatures == 0
        assert refused.value.code == "unsafe_transaction"
        return refused.value.detail


@asynccontextmanager
async def a_desk(folder: Path) -> AsyncIterator[Desk]:
    validator, faults = open_validator(folder / "journal"), Faults()
    async with served(Node(validator, faults)) as url:
        wallet, providers = CountingWallet(WALLET), [Rpc(url)]
        chain = SolanaChain(providers, wallet, NAMES, max_priority_lamports=MAX_PRIORITY)
        yield Desk(validator, faults, providers, wallet, chain, await chain.blockhash())
        await chain.close()
    validator.close()


def order(token_in: Token = USDC, token_out: Token = SOL, floor: int = 1, amount: int = AMOUNT) -> SolanaSwap:
    return built_swap(pool_of("raydium", token_in, token_out), token_in, token_out, amount, floor)


def paid_to(account: Pubkey, swap: SolanaSwap) -> SolanaSwap:
    """The same swap, and what it brings goes somewhere else."""
    of = swap.instruction
    accounts = [*of.accounts[:4], AccountMeta(account, is_signer=False, is_writable=True), *of.accounts[5:]]
    return replace(swap, instruction=Instruction(of.program_id, bytes(of.data), accounts))


def lamports(number: int, to: Pubkey) -> Instruction:
    return transfer(TransferParams(from_pubkey=ME, to_pubkey=to, lamports=number))
