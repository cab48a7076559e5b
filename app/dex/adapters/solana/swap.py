"""A swap as a venue on Solana builds it, and the message that is signed for one attempt of an order."""

from collections.abc import Sequence
from dataclasses import dataclass

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import CompiledInstruction, Instruction
from solders.message import MessageHeader, MessageV0
from solders.pubkey import Pubkey

from app.dex.adapters.solana.programs import MEMO
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap

MAX_TRANSACTION = 1232  # bytes
SIGNATURE = 65  # one, with the byte that says how many there are


@dataclass(frozen=True, slots=True)
class SolanaSwap(BuiltSwap):
    message: bytes
    """A v0 message whose payer is our wallet; without a memo, and with any blockhash."""


def compile_message(
    payer: Pubkey, instructions: Sequence[Instruction], tables: Sequence[AddressLookupTableAccount] = ()
) -> bytes:
    return bytes(MessageV0.try_compile(payer, instructions, tables, Hash.default()))


def read_message(swap: BuiltSwap) -> MessageV0:
    """The message of a swap that was built for Solana; `DexError` for any other."""
    if not isinstance(swap, SolanaSwap):
        raise DexError("venue_unavailable", "This swap was not built for Solana.")
    try:
        message = MessageV0.from_bytes(swap.message)
        message.sanitize()
    except ValueError as error:
        raise DexError("unsafe_transaction", "The venue's transaction cannot be read.") from error
    return message


def message_to_sign(message: MessageV0, *, memo: str, blockhash: str) -> MessageV0:
    """With a memo as its last instruction, signed by the payer, and with our blockhash.

    The program of the memo becomes the last static key, so the indexes of keys from lookup tables move up by one.
    """
    keys, header = list(message.account_keys), message.header
    instructions = list(message.instructions)
    if MEMO not in keys:
        place = len(keys)
        keys.append(MEMO)
        header = MessageHeader(
            header.num_required_signatures,
            header.num_readonly_signed_accounts,
            header.num_readonly_unsigned_accounts + 1,
        )
        instructions = [
            CompiledInstruction(one.program_id_index, one.data, bytes(i + (i >= place) for i in one.accounts))
            for one in instructions
        ]
    instructions.append(CompiledInstruction(keys.index(MEMO), memo.encode(), bytes([0])))
    signed = MessageV0(header, keys, Hash.from_string(blockhash), instructions, message.address_table_lookups)
    if len(bytes(signed)) + 1 + SIGNATURE > MAX_TRANSACTION:
        raise DexError("venue_unavailable", "The venue's transaction is too long for Solana.")
    return signed
