"""What a transaction that somebody else built may contain. Checked before it is simulated, and without asking anybody.

Only instructions that are known to the last account pass, and the programs of the venue itself. What those do with the
wallet's signature is for the simulation to show.
"""

import struct
from collections.abc import Collection
from dataclasses import dataclass

from solders.instruction import CompiledInstruction
from solders.message import MessageV0
from solders.pubkey import Pubkey

from app.dex.adapters.solana.programs import (
    ASSOCIATED,
    CLOSE_ACCOUNT,
    COMPUTE_BUDGET,
    CREATE_IDEMPOTENT,
    NATIVE_MINT,
    SYNC_NATIVE,
    SYSTEM,
    TOKEN,
    token_account,
)
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap

SIGNATURE_FEE = 5_000  # lamports
UNIT_LIMIT, UNIT_PRICE, DATA_LIMIT = 2, 3, 4  # instructions of the compute budget
SYSTEM_TRANSFER = 2
MAX_UNITS = 1_400_000


class Unsafe(DexError):
    """It is not signed, and no other attempt gets further."""

    def __init__(self, detail: str) -> None:
        super().__init__("unsafe_transaction", f"The venue's transaction is not safe to sign: {detail}.")


@dataclass(frozen=True, slots=True)
class Inspector:
    wallet: Pubkey
    max_priority_lamports: int

    def check(self, message: MessageV0, swap: BuiltSwap, programs: Collection[Pubkey]) -> int:
        """The fee in lamports. `programs`: those of the venue. Raises `Unsafe`."""
        keys = message.account_keys
        if message.header.num_required_signatures != 1 or not keys or keys[0] != self.wallet:
            raise Unsafe("our wallet has to be its payer and its only signer")
        if message.address_table_lookups:
            raise Unsafe("it uses lookup tables, which cannot be checked yet")
        priority, wrapped, swaps = _Priority(), 0, 0
        for instruction in message.instructions:
            program, accounts = keys[instruction.program_id_index], [keys[i] for i in instruction.accounts]
            if program == COMPUTE_BUDGET:
                priority.read(bytes(instruction.data))
            elif program == SYSTEM:
                wrapped += self._wrapped(instruction, accounts)
            elif program == TOKEN:
                self._check_token(bytes(instruction.data), accounts)
            elif program == ASSOCIATED:
                self._check_associated(bytes(instruction.data), accounts)
            elif program in programs:
                swaps += 1
            else:
                raise Unsafe(f"it calls a program that is not known, {program}")
        if swaps == 0:
            raise Unsafe("it does not call the venue")
        if wrapped > (swap.amount_in if swap.wrap_sol else 0):
            raise Unsafe("it moves more SOL than the order")
        if priority.lamports > self.max_priority_lamports:
            raise Unsafe(f"its priority fee is {priority.lamports} lamports, over the limit")
        return SIGNATURE_FEE + priority.lamports

    def _wrapped(self, instruction: CompiledInstruction, accounts: list[Pubkey]) -> int:
        """The lamports that are put into our wrapped SOL."""
        data = bytes(instruction.data)
        own = accounts == [self.wallet, token_account(self.wallet, NATIVE_MINT)]
        if len(data) != 12 or struct.unpack_from("<I", data)[0] != SYSTEM_TRANSFER or not own:
            raise Unsafe("it calls the system program for something else than wrapping SOL")
        return int(struct.unpack_from("<Q", data, 4)[0])

    def _check_token(self, data: bytes, accounts: list[Pubkey]) -> None:
        wrapped = token_account(self.wallet, NATIVE_MINT)
        allowed = {
            bytes([SYNC_NATIVE]): [wrapped],
            bytes([CLOSE_ACCOUNT]): [wrapped, self.wallet, self.wallet],
        }
        if allowed.get(data) != accounts:
            raise Unsafe("it calls the token program for something else than wrapping SOL")

    def _check_associated(self, data: bytes, accounts: list[Pubkey]) -> None:
        own = len(accounts) == 6 and [accounts[0], *accounts[2:3], *accounts[4:]] == [
            self.wallet,
            self.wallet,
            SYSTEM,
            TOKEN,
        ]
        if data != bytes([CREATE_IDEMPOTENT]) or not own or accounts[1] != token_account(self.wallet, accounts[3]):
            raise Unsafe("it creates an account that is not ours")


class _Priority:
    """The priority fee that the instructions of the compute budget ask for."""

    def __init__(self) -> None:
        self._values: dict[int, int] = {}

    def read(self, data: bytes) -> None:
        kind = data[0] if data else None
        forms = {UNIT_LIMIT: "<I", UNIT_PRICE: "<Q", DATA_LIMIT: "<I"}
        if kind not in forms or len(data) != 1 + struct.calcsize(forms[kind]) or kind in self._values:
            raise Unsafe("its compute budget cannot be read")
        [self._values[kind]] = struct.unpack_from(forms[kind], data, 1)

    @property
    def lamports(self) -> int:
        price, units = self._values.get(UNIT_PRICE, 0), self._values.get(UNIT_LIMIT)
        if price and units is None:
            raise Unsafe("it has a price for compute units and no limit of them")
        return -(-price * min(units or 0, MAX_UNITS) // 10**6)
