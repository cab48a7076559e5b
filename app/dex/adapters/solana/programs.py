"""Addresses of Solana's own programs, and their instructions that a swap needs."""

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.system_program import ID as SYSTEM
from solders.token import ID as TOKEN
from solders.token.associated import get_associated_token_address

__all__ = ["SYSTEM", "TOKEN"]

TOKEN_2022 = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ASSOCIATED = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
COMPUTE_BUDGET = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
MEMO = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
LOOKUP_TABLE = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")
LOADERS = frozenset(
    Pubkey.from_string(one)
    for one in (
        "NativeLoader1111111111111111111111111111111",
        "BPFLoader1111111111111111111111111111111111",
        "BPFLoader2111111111111111111111111111111111",
        "BPFLoaderUpgradeab1e11111111111111111111111",
        "LoaderV411111111111111111111111111111111111",
    )
)
"""Who owns programs."""
NATIVE_MINT = Pubkey.from_string("So11111111111111111111111111111111111111112")

TOKEN_ACCOUNT_SIZE = 165  # bytes; one of Token-2022 may be longer
SYNC_NATIVE, CLOSE_ACCOUNT = 17, 9  # of the token program
CREATE_IDEMPOTENT = 1  # of the associated token program


def token_account(owner: Pubkey, mint: Pubkey, program: Pubkey = TOKEN) -> Pubkey:
    """The associated account of an owner for a mint of a token program."""
    return get_associated_token_address(owner, mint, program)


def create_token_account(payer: Pubkey, owner: Pubkey, mint: Pubkey, program: Pubkey = TOKEN) -> Instruction:
    """Does nothing if the account is there."""
    accounts = [
        AccountMeta(payer, is_signer=True, is_writable=True),
        AccountMeta(token_account(owner, mint, program), is_signer=False, is_writable=True),
        *(AccountMeta(key, is_signer=False, is_writable=False) for key in (owner, mint, SYSTEM, program)),
    ]
    return Instruction(ASSOCIATED, bytes([CREATE_IDEMPOTENT]), accounts)


def sync_native(account: Pubkey) -> Instruction:
    """Makes the lamports that were sent to a wrapped SOL account its balance."""
    return Instruction(TOKEN, bytes([SYNC_NATIVE]), [AccountMeta(account, is_signer=False, is_writable=True)])


def close_account(account: Pubkey, owner: Pubkey) -> Instruction:
    """Pays all lamports of a token account to its owner: unwraps SOL, and returns the rent."""
    accounts = [
        AccountMeta(account, is_signer=False, is_writable=True),
        AccountMeta(owner, is_signer=False, is_writable=True),
        AccountMeta(owner, is_signer=True, is_writable=False),
    ]
    return Instruction(TOKEN, bytes([CLOSE_ACCOUNT]), accounts)


def memo(text: str, signer: Pubkey) -> Instruction:
    return Instruction(MEMO, text.encode(), [AccountMeta(signer, is_signer=True, is_writable=False)])
