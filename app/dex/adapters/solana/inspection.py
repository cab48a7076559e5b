"""What is read in the one instruction of a venue that we sign. Checked without asking anybody.

The program is on our own list, and the instruction is in a form that is known here: the amount to sell and the least to
accept stand in its data, the accounts that are sold from and paid among its accounts. They have to be the order's and
our own. The program enforces them on the chain, whatever a node says that it would do, and whatever happens between
simulation and execution. What else it does with the wallet's signature is for the simulation to show.
"""

import struct
from collections.abc import Collection

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from app.dex.adapters.solana.names import Form, Names
from app.dex.adapters.solana.programs import ASSOCIATED, SYSTEM
from app.dex.adapters.solana.swap import SolanaSwap
from app.dex.errors import DexError

SIGNATURE_FEE = 5_000  # lamports
MOVES_SOL = frozenset({SYSTEM, ASSOCIATED})  # no swap needs them: our SOL is wrapped before
UNKNOWN_FORM = "its instruction is in a form that is not known"


class Unsafe(DexError):
    """It is not signed, and no other attempt gets further."""

    def __init__(self, detail: str) -> None:
        super().__init__("unsafe_transaction", f"The venue's transaction is not safe to sign: {detail}.")


def check_instruction(
    swap: SolanaSwap,
    wallet: Pubkey,
    names: Names,
    *,
    ends: tuple[Pubkey, Pubkey],
    between: Collection[Pubkey] = (),
    others: Collection[Pubkey] = (),
) -> None:
    """Raises `Unsafe` unless it is a swap of the order's amount, with at least the order's minimum.

    `ends`: the wallet's account that is sold from, and the one that is paid. `between`: those for other tokens of the
    route. `others`: those it may not even name.
    """
    instruction = swap.instruction
    if instruction.program_id not in names.programs_of(swap.venue):
        raise Unsafe(f"it calls a program that is not the venue's, {instruction.program_id}")
    if any(account.is_signer and account.pubkey != wallet for account in instruction.accounts):
        raise Unsafe("our wallet has to be its only signer")
    form = _form(instruction, names)
    try:
        amount_in, floor = form.amounts(bytes(instruction.data))
        _check_accounts(form, instruction, (wallet, *ends))
    except (IndexError, ValueError, struct.error):
        raise Unsafe(UNKNOWN_FORM) from None
    if amount_in != swap.amount_in:
        raise Unsafe("it sells another amount than the order")
    if floor < swap.min_amount_out:
        raise Unsafe("its own minimum is below the order's")
    keys, hidden = {account.pubkey for account in instruction.accounts}, {*others, *(() if form.over else between)}
    if named := keys & hidden:
        raise Unsafe(f"it names another token account of the wallet, {next(iter(named))}")
    if named := keys & MOVES_SOL:
        raise Unsafe(f"it names a program that may move SOL of the wallet, {next(iter(named))}")


def _form(instruction: Instruction, names: Names) -> Form:
    for prefix, form in names.forms.get(str(instruction.program_id), {}).items():
        if bytes(instruction.data).startswith(prefix):
            return form
    raise Unsafe(UNKNOWN_FORM)


def _check_accounts(form: Form, instruction: Instruction, ours: tuple[Pubkey, Pubkey, Pubkey]) -> None:
    """`IndexError` or `ValueError`: it has too few accounts, or a number that the program does not have."""
    keys = [account.pubkey for account in instruction.accounts]
    if form.counts and len(keys) not in form.counts:
        raise ValueError("another number of accounts")
    trader, source, destination = ours
    if keys[form.trader] != trader:
        raise Unsafe("our wallet is not the one that trades in it")
    if keys[form.source] != source:
        raise Unsafe(f"it sells from another account than the wallet's own, {keys[form.source]}")
    if keys[form.destination] != destination:
        raise Unsafe(f"it pays another account than the wallet's own, {keys[form.destination]}")
    if form.payee is not None and keys[form.payee] not in (instruction.program_id, destination):
        raise Unsafe(f"it pays another account than the wallet's own, {keys[form.payee]}")
