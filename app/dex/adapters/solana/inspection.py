"""What is read in the one instruction of a venue that we sign. Checked without asking anybody.

The program is on our own list, and the instruction is in a form that is known here, because the amount to sell and the
least to accept stand in it: the program enforces them on the chain, whatever happens between simulation and execution.
What it does with the wallet's signature apart from that is for the simulation to show.
"""

import struct

from solders.pubkey import Pubkey

from app.dex.adapters.solana.names import Names
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.errors import DexError

SIGNATURE_FEE = 5_000  # lamports


class Unsafe(DexError):
    """It is not signed, and no other attempt gets further."""

    def __init__(self, detail: str) -> None:
        super().__init__("unsafe_transaction", f"The venue's transaction is not safe to sign: {detail}.")


def check_instruction(swap: SolanaSwap, wallet: Pubkey, names: Names) -> None:
    """Raises `Unsafe` unless it is a swap of the order's amount, with at least the order's minimum."""
    instruction = swap.instruction
    if instruction.program_id not in names.programs_of(swap.venue):
        raise Unsafe(f"it calls a program that is not the venue's, {instruction.program_id}")
    if any(account.is_signer and account.pubkey != wallet for account in instruction.accounts):
        raise Unsafe("our wallet has to be its only signer")
    amount_in, floor = _amounts(str(instruction.program_id), bytes(instruction.data), names)
    if amount_in != swap.amount_in:
        raise Unsafe("it sells another amount than the order")
    if floor < swap.min_amount_out:
        raise Unsafe("its own minimum is below the order's")


def _amounts(program: str, data: bytes, names: Names) -> tuple[int, int]:
    for prefix, read in names.forms.get(program, {}).items():
        if data.startswith(prefix):
            try:
                return read(data)
            except (ValueError, struct.error):
                break
    raise Unsafe("its instruction is in a form that is not known")
