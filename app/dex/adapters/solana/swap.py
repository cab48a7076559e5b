"""A swap as a venue on Solana builds it, and the transaction around it, which is all ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import CompileError, MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer

from app.dex.adapters.solana.programs import (
    NATIVE_MINT,
    close_account,
    create_token_account,
    sync_native,
    token_account,
)
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap

MAX_TRANSACTION = 1232  # bytes
SIGNATURE = 65  # one, with the byte that says how many there are
MAX_UNITS = 1_400_000  # of compute, in one transaction
MICRO = 10**6


@dataclass(frozen=True, slots=True)
class SolanaSwap(BuiltSwap):
    instruction: Instruction
    """The only thing of the venue that is signed."""
    quoted: int
    """What the venue says that it brings: the least of its answers, since the floor came from one of them."""
    tables: tuple[Pubkey, ...] = ()
    """Lookup tables that may shorten the transaction. What is in them is read from the chain."""


def solana_swap(swap: BuiltSwap) -> SolanaSwap:
    if not isinstance(swap, SolanaSwap):
        raise DexError("venue_unavailable", "This swap was not built for Solana.")
    return swap


@dataclass(frozen=True, slots=True)
class Budget:
    """What a transaction may use, and what is paid for it beside the fee for its signature."""

    units: int
    price: int  # millionths of a lamport for one unit

    @staticmethod
    def of(used: int, price: int, max_lamports: int) -> "Budget":
        """A fifth more than a simulation used; the price as it is, unless that costs more than the most."""
        units = min(max(used, 1) * 6 // 5 + 1, MAX_UNITS)
        return Budget(units, min(max(price, 0), max_lamports * MICRO // units))

    @property
    def lamports(self) -> int:
        """What is paid for it, rounded up."""
        return -(-self.units * self.price // MICRO)

    def instructions(self) -> list[Instruction]:
        return [set_compute_unit_limit(self.units), set_compute_unit_price(self.price)]


def around(
    instruction: Instruction, wallet: Pubkey, programs: Mapping[Pubkey, Pubkey], *, wraps: int
) -> list[Instruction]:
    """A swap with what is ours: accounts for its mints, and SOL, which is native before and after.

    `programs`: mint → its token program. `wraps`: lamports that go in.
    """
    wrapped = token_account(wallet, NATIVE_MINT)
    instructions = [create_token_account(wallet, wallet, mint, program) for mint, program in programs.items()]
    if wraps:
        to_wrapped = TransferParams(from_pubkey=wallet, to_pubkey=wrapped, lamports=wraps)
        instructions += [transfer(to_wrapped), sync_native(wrapped)]
    instructions.append(instruction)
    if NATIVE_MINT in programs:
        instructions.append(close_account(wrapped, wallet))
    return instructions


def compile_message(
    payer: Pubkey, instructions: Sequence[Instruction], tables: Sequence[AddressLookupTableAccount], blockhash: str
) -> MessageV0:
    try:
        message = MessageV0.try_compile(payer, instructions, tables, Hash.from_string(blockhash))
    except (CompileError, ValueError) as error:
        raise DexError("venue_unavailable", "The venue's instruction fits into no transaction.") from error
    if len(bytes(message)) + 1 + SIGNATURE > MAX_TRANSACTION:
        raise DexError("venue_unavailable", "The venue's transaction is too long for Solana.")
    return message


def writable(payer: Pubkey, instructions: Sequence[Instruction]) -> list[Pubkey]:
    """The accounts that a transaction of these may change."""
    accounts = (account for one in instructions for account in one.accounts if account.is_writable)
    return list(dict.fromkeys([payer, *(account.pubkey for account in accounts)]))
