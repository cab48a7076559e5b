"""What a transaction in a block did, read from the answer of `getTransaction`."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from app.dex.adapters.solana.programs import ASSOCIATED, NATIVE_MINT, SYSTEM, TOKEN, TOKEN_2022
from app.dex.chain import Outcome

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


def outcome_of(answer: Mapping[str, Any], own_errors: Mapping[str, Mapping[int, str]]) -> Outcome:
    """For the wallet that paid, which is not ours of today if the key was changed since.

    Raises `KeyError`, `IndexError`, `TypeError` or `ValueError` for an answer that is not in Solana's form.
    """
    meta = answer["meta"]
    if meta["err"] is None:
        brought = amount_out(meta, payer_of(answer))
        return Outcome("landed", int(answer["slot"]), amount_out=brought, fee=int(meta["fee"]))
    code = code_of(meta["err"], programs_of(answer), own_errors)
    return Outcome("failed", int(answer["slot"]), code=code, fee=int(meta["fee"]))


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


def amount_out(meta: Mapping[str, Any], wallet: str) -> int | None:
    """What came into the wallet: the one balance that rose. None: not exactly one did."""
    gains = [change for change in changes(meta, wallet).values() if change > 0]
    return gains[0] if len(gains) == 1 else None


def changes(meta: Mapping[str, Any], wallet: str) -> Mapping[str, int]:
    """How the wallet's balances changed, by mint.

    SOL is counted with the lamports of the wallet's token accounts, because rent and wrapped SOL are still its own, and
    before the fee, which is not a part of the swap.
    """
    lamports = [after - before for before, after in zip(meta["preBalances"], meta["postBalances"], strict=True)]
    changed: dict[str, int] = defaultdict(int)
    own_accounts = set()
    for sign, balances in ((-1, meta["preTokenBalances"]), (1, meta["postTokenBalances"])):
        for one in balances:
            if one.get("owner") == wallet:
                own_accounts.add(one["accountIndex"])
                if one["mint"] != str(NATIVE_MINT):
                    changed[one["mint"]] += sign * int(one["uiTokenAmount"]["amount"])
    # The first account is the payer, which is the wallet.
    changed[str(NATIVE_MINT)] = lamports[0] + meta["fee"] + sum(lamports[index] for index in own_accounts)
    return changed
