"""What a transaction in a block did, read from the answer of `getTransaction`, and what its memo says.

One node may write anything there. What could not be stored, or shown, is no answer: it would end the work on those of
all nodes.
"""

import re
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.message import Message, MessageAddressTableLookup, MessageHeader, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature

from app.dex import base58
from app.dex.adapters.answers import u64
from app.dex.adapters.solana.programs import ASSOCIATED, MEMO, NATIVE_MINT, SYSTEM, TOKEN, TOKEN_2022, token_account
from app.dex.chain import FoundSwap, Outcome

JUPITER = "JUP6LkbZbjS1jKKwapdHNy74zcZ3tLUZoi5QNyVTaV4"
RAYDIUM_AMM = "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8"
RAYDIUM_CPMM = "CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C"
RAYDIUM_CLMM = "CAMMCzo5YL8w4VFF8KVHrK22GGUsp5VTaW7grrKgrWqK"

OWN_ERRORS: Mapping[str, Mapping[int, str]] = {
    str(SYSTEM): {1: "insufficient_funds"},
    str(TOKEN): {1: "insufficient_funds"},
    str(TOKEN_2022): {1: "insufficient_funds"},
    str(ASSOCIATED): {1: "insufficient_funds"},
    JUPITER: {1: "insufficient_funds", 6001: "slippage_exceeded"},
    RAYDIUM_AMM: {1: "insufficient_funds", 30: "slippage_exceeded", 40: "insufficient_funds"},
    RAYDIUM_CPMM: {1: "insufficient_funds", 6005: "slippage_exceeded"},
    RAYDIUM_CLMM: {1: "insufficient_funds", 6022: "slippage_exceeded"},
}
"""program → its error numbers → our codes. 1 is that of a program it called: the system program or a token program."""
FEE_ERRORS = frozenset({"InsufficientFundsForFee", "InsufficientFundsForRent", "AccountNotFound"})
MAX_TIME = 2**33  # in the year 2242
MAX_KEYS = 256  # of a transaction
HEADER = ("numRequiredSignatures", "numReadonlySignedAccounts", "numReadonlyUnsignedAccounts")
LEGACY = "legacy"  # the version of a transaction that has none
MINT_OF_ACCOUNT = 3  # the place of the mint among the accounts of an instruction that makes a token account

_SIZE = re.compile(r"^\[\d+\] ")  # before each memo that a node tells
_OURS = re.compile(r"([ -~]+) #[0-9]+")  # in ASCII


def outcome_of(answer: Mapping[str, Any], own_errors: Mapping[str, Mapping[int, str]]) -> Outcome:
    """For the wallet that paid, which is not ours of today if the key was changed since.

    Raises `KeyError`, `IndexError`, `TypeError` or `ValueError` for an answer that is not in Solana's form.
    """
    meta = answer["meta"]
    if meta["err"] is None:
        return Outcome("landed", u64(answer["slot"]), amount_out=amount_out(answer), fee=u64(meta["fee"]))
    code = code_of(meta["err"], programs_of(answer), own_errors)
    return Outcome("failed", u64(answer["slot"]), code=code, fee=u64(meta["fee"]))


def payer_of(answer: Mapping[str, Any]) -> str:
    return str(answer["transaction"]["message"]["accountKeys"][0])


def programs_of(answer: Mapping[str, Any]) -> list[str]:
    """The program of each instruction."""
    message = answer["transaction"]["message"]
    return [message["accountKeys"][one["programIdIndex"]] for one in message["instructions"]]


def accounts_of(answer: Mapping[str, Any]) -> list[str]:
    """Every account that it names, directly or through a lookup table."""
    loaded = answer["meta"].get("loadedAddresses") or {}
    return [*answer["transaction"]["message"]["accountKeys"], *loaded.get("writable", ()), *loaded.get("readonly", ())]


def code_of(error: Any, programs: list[str], own_errors: Mapping[str, Mapping[int, str]]) -> str:
    """Our code of an error."""
    if isinstance(error, Mapping) and "InstructionError" in error:
        place, reason = error["InstructionError"]
        if isinstance(reason, Mapping) and "Custom" in reason:
            return own_errors.get(programs[place], {}).get(reason["Custom"], "tx_failed")
    kind = next(iter(error), None) if isinstance(error, Mapping) else error
    return "insufficient_funds" if kind in FEE_ERRORS else "tx_failed"


def is_signed(answer: Mapping[str, Any], signature: str) -> bool:
    """Whether the wallet that pays has signed this message, and this is its signature."""
    message = answer["transaction"]["message"]
    keys, instructions = message["accountKeys"], message["instructions"]
    if len(keys) > MAX_KEYS or sum(len(one["data"]) for one in instructions) > base58.MAX_DIGITS:
        raise ValueError("longer than a transaction")
    signers, fixed_signers, fixed = (message["header"][name] for name in HEADER)  # fixed: they are not written to
    named = [Pubkey.from_string(key) for key in keys]
    blockhash = Hash.from_string(message["recentBlockhash"])
    compiled = [
        CompiledInstruction(one["programIdIndex"], base58.decode(one["data"]), _bytes(one["accounts"]))
        for one in instructions
    ]
    tables = [
        MessageAddressTableLookup(
            Pubkey.from_string(one["accountKey"]), _bytes(one["writableIndexes"]), _bytes(one["readonlyIndexes"])
        )
        for one in message.get("addressTableLookups") or ()
    ]
    signed: Message | MessageV0 = (
        Message.new_with_compiled_instructions(signers, fixed_signers, fixed, named, blockhash, compiled)
        if is_legacy(answer)
        else MessageV0(MessageHeader(signers, fixed_signers, fixed), named, blockhash, compiled, tables)
    )
    return Signature.from_string(signature).verify(named[0], to_bytes_versioned(signed))


def is_legacy(answer: Mapping[str, Any]) -> bool:
    """The form that many wallets use; the engine signs none of it."""
    return answer.get("version") == LEGACY


def _bytes(places: Any) -> bytes:
    if not isinstance(places, list) or len(places) > MAX_KEYS:
        raise ValueError("a list of places of accounts")  # of a number `bytes` makes as many zeros
    return bytes(places)


def amount_out(answer: Mapping[str, Any]) -> int | None:
    """What came into the wallet. None: it is not known."""
    changed = changes(answer)
    ends = sold_and_bought(answer, changed)
    gain = 0 if ends is None else changed.get(ends[1], 0)
    return u64(gain) if gain > 0 else None


def sold_and_bought(answer: Mapping[str, Any], changed: Mapping[str, int]) -> tuple[str, str] | None:
    """The mints of both tokens; None: they are not known.

    Our transactions make an account for each token of their route, in its order: the first is sold and the last bought.
    In another transaction it is the one balance that fell, and the one that rose.
    """
    accounts, instructions = accounts_of(answer), answer["transaction"]["message"]["instructions"]
    made = [
        accounts[one["accounts"][MINT_OF_ACCOUNT]]
        for program, one in zip(programs_of(answer), instructions, strict=True)
        if program == str(ASSOCIATED)
    ]
    if len(made) > 1:
        return made[0], made[-1]
    sold = [mint for mint, change in changed.items() if change < 0]
    bought = [mint for mint, change in changed.items() if change > 0]
    return (sold[0], bought[0]) if len(sold) == len(bought) == 1 else None


def changes(answer: Mapping[str, Any]) -> Mapping[str, int]:
    """How the balances of the wallet that paid changed, by mint.

    SOL is counted with the lamports of the wallet's token accounts, because rent and wrapped SOL are still its own, and
    before the fee, which is not a part of the swap. Its account for wrapped SOL may be there during the transaction
    only, and a stranger may have sent lamports to its address. 5000.0 would equal what other nodes tell, and be shown
    as 50000.
    """
    meta, wallet = answer["meta"], payer_of(answer)
    balances_of_all = zip(meta["preBalances"], meta["postBalances"], strict=True)
    lamports = [u64(after) - u64(before) for before, after in balances_of_all]
    changed: dict[str, int] = defaultdict(int)
    wrapped = str(token_account(Pubkey.from_string(wallet), NATIVE_MINT))
    own_accounts = {index for index, account in enumerate(accounts_of(answer)) if account == wrapped}
    for sign, balances in ((-1, meta["preTokenBalances"]), (1, meta["postTokenBalances"])):
        for one in balances:
            if one.get("owner") == wallet:
                own_accounts.add(one["accountIndex"])
                if one["mint"] != str(NATIVE_MINT):
                    changed[one["mint"]] += sign * u64(one["uiTokenAmount"]["amount"])
    # The first account is the payer, which is the wallet.
    changed[str(NATIVE_MINT)] = lamports[0] + u64(meta["fee"]) + sum(lamports[index] for index in own_accounts)
    return changed


def memo_text(memo: str, attempt: int) -> str:
    """What is written on chain, so that two attempts are two transactions."""
    return f"{memo} #{attempt}"


@dataclass(frozen=True, slots=True)
class Row:
    """A transaction that names one of our wallets. Everybody can name them in one, and write any memo."""

    signature: str
    memo: str | None  # that was signed for; None: it is no swap of ours
    at: float | None  # Unix time; None: the node does not say

    @property
    def about(self) -> str:
        """The first word of the memo: the order's id."""
        return (self.memo or "").partition(" ")[0]

    def unread(self) -> FoundSwap:
        return FoundSwap.unread(self.memo or "", self.signature, time.time() if self.at is None else self.at)

    @staticmethod
    def read(row: Any) -> "Row":
        """`KeyError`, `TypeError` or `ValueError`: it is in another form than Solana's."""
        memo = signed_for(_SIZE.sub("", row["memo"] or ""))
        return Row(str(Signature.from_string(row["signature"])), memo, time_of(row))


def first_swaps(page: Sequence[Row], count: int) -> int:
    """How many rows of it have the first so many that may be swaps of ours; all, if they are fewer."""
    places = [place for place, row in enumerate(page, 1) if row.memo is not None]
    return places[count - 1] if len(places) >= count else len(page)


def time_of(row: Mapping[str, Any]) -> float | None:
    if (at := row["blockTime"]) is None:
        return None
    if u64(at) > MAX_TIME:
        raise ValueError("no time of a block")
    return float(at)


def memo_in(answer: Mapping[str, Any]) -> str | None:
    """From its instruction, because what is told beside the signature is nothing that we signed."""
    instructions = answer["transaction"]["message"]["instructions"]
    for program, instruction in zip(programs_of(answer), instructions, strict=True):
        if program == str(MEMO):
            return signed_for(base58.decode(instruction["data"]).decode(errors="replace"))
    return None


def signed_for(text: str) -> str | None:
    return ours[1] if (ours := _OURS.fullmatch(text)) else None
