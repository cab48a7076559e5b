"""The pools of the local chain: the two programs of `programs/pool.c`, and how to trade on them."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from app.dex.adapters.solana.programs import NATIVE_MINT, TOKEN, token_account
from app.dex.adapters.solana.swap import around
from app.localnet.programs.build import FEES, FOLDER

PROGRAM_IDS: Mapping[str, Pubkey] = {
    venue: Pubkey.from_bytes(sha256(f"localnet pool program {venue}".encode()).digest()) for venue in FEES
}


def programs() -> dict[Pubkey, bytes]:
    """The program of each venue."""
    return {address: (FOLDER / f"{venue}.so").read_bytes() for venue, address in PROGRAM_IDS.items()}


@dataclass(frozen=True, slots=True)
class LocalPool:
    venue: str
    authority: Pubkey  # owns both vaults; also the pool's address
    bump: int
    mints: frozenset[Pubkey]

    @staticmethod
    def of(venue: str, one: Pubkey, other: Pubkey) -> "LocalPool":
        seeds = [b"pool", *sorted((bytes(one), bytes(other)))]
        authority, bump = Pubkey.find_program_address(seeds, PROGRAM_IDS[venue])
        return LocalPool(venue, authority, bump, frozenset({one, other}))

    @property
    def fee_millionths(self) -> int:
        return FEES[self.venue]

    def vault(self, mint: Pubkey) -> Pubkey:
        return token_account(self.authority, mint)

    def swap(self, trader: Pubkey, mint_in: Pubkey, amount_in: int, min_out: int) -> Instruction:
        [mint_out] = self.mints - {mint_in}
        accounts = [
            AccountMeta(trader, is_signer=True, is_writable=False),
            *(
                AccountMeta(account, is_signer=False, is_writable=True)
                for account in (
                    token_account(trader, mint_in),
                    self.vault(mint_in),
                    self.vault(mint_out),
                    token_account(trader, mint_out),
                )
            ),
            AccountMeta(self.authority, is_signer=False, is_writable=False),
            AccountMeta(TOKEN, is_signer=False, is_writable=False),
        ]
        data = struct.pack("<QQB", amount_in, min_out, self.bump)
        return Instruction(PROGRAM_IDS[self.venue], data, accounts)

    def whole_swap(self, trader: Pubkey, mint_in: Pubkey, amount_in: int, min_out: int) -> list[Instruction]:
        """With everything around it: SOL is native before and after, and the accounts needed are created."""
        swap = self.swap(trader, mint_in, amount_in, min_out)
        programs = dict.fromkeys((mint_in, *(self.mints - {mint_in})), TOKEN)
        return around(swap, trader, programs, wraps=amount_in if mint_in == NATIVE_MINT else 0)
