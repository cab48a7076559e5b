"""What a transaction would do to the wallet, as a node simulates it, compared with what the order agreed to.

The wallet's balances are read before and after the simulation. If they differ, by more than the little that strangers
may send in each block, another swap landed meanwhile, and it is simulated again. So it is if the node that simulates
was behind the one that told them.

Only the wallet and its associated token accounts count as ours, by address. A stranger can make another token account
and give it to the wallet, but keep the right to close it. Before the swap lands he closes it and makes it again as his.
"""

import asyncio
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from app.dex.adapters.solana.inspection import SIGNATURE_FEE, Unsafe
from app.dex.adapters.solana.outcomes import code_of
from app.dex.adapters.solana.programs import LOADERS, NATIVE_MINT, SYSTEM, TOKEN, TOKEN_2022, TOKEN_ACCOUNT_SIZE
from app.dex.adapters.solana.reading import CONFIRMED, reading
from app.dex.adapters.solana.rpc import Rpc, RpcUnanswered
from app.dex.adapters.solana.swap import Budget, SolanaSwap, writable
from app.dex.adapters.solana.tokens import CLOSER, DELEGATE, MINT, OWNER, Account
from app.dex.errors import DexError

TRIES = 5
BEHIND_SECONDS = 0.4  # between questions to a provider of which one node is behind another
MAX_BETTER_PERCENT = 1  # than what the venue quoted a moment before
LITTLE = 10**6  # lamports, or units of a token
NOTHING: Mapping[str, int] = {}
BASE64 = CONFIRMED | {"encoding": "base64"}

Accounts = Mapping[Pubkey, Account]
Errors = Mapping[str, Mapping[int, str]]
Keys = Sequence[Pubkey]


@dataclass(frozen=True, slots=True)
class Simulation:
    before: Accounts
    after: Accounts
    units: int  # of compute
    given: Mapping[str, int]  # what strangers sent us meanwhile, at most, by mint


async def units_used(
    rpc: Rpc, message: MessageV0, instructions: Sequence[Instruction], own_errors: Errors, at_slot: int
) -> int:
    """Of compute. `DexError` with our code if it would fail."""
    _, value = await _run(rpc, message, instructions, own_errors, (), at_slot)
    with reading("simulateTransaction"):
        return int(value["unitsConsumed"])


async def simulate(
    rpc: Rpc,
    message: MessageV0,
    instructions: Sequence[Instruction],
    own_errors: Errors,
    *,
    own: Collection[Pubkey],
    programs: Collection[Pubkey],
    at_slot: int = 0,
) -> Simulation:
    """The accounts that it may change, before and after. `DexError` with our code if it would fail.

    `own`: as for `check_changes`. `programs`: those that may be in it. A node that is not `at_slot` yet tells nothing.
    """
    wallet = message.account_keys[0]
    keys = writable(wallet, instructions)
    named = dict.fromkeys([*keys, *(account.pubkey for one in instructions for account in one.accounts)])
    seen, found = await _accounts(rpc, list(named))
    check_programs(found, programs)
    before: Accounts = {key: found[key] for key in keys if key in found}
    for _ in range(TRIES):
        slot, value = await _run(rpc, message, instructions, own_errors, keys, at_slot)
        with reading("simulateTransaction"):
            after, units = _read(keys, value["accounts"]), int(value["unitsConsumed"])
        now, found = await _accounts(rpc, list(named), at_slot=slot)
        check_programs(found, programs)  # one may have been made since
        again: Accounts = {key: found[key] for key in keys if key in found}
        given = _given(before, again, wallet, own)
        if given is None:
            seen, before = now, again
        elif slot < seen:
            await asyncio.sleep(BEHIND_SECONDS)
        else:
            return Simulation(before, after, units, given)
    raise RpcUnanswered("The wallet changed while the swap was simulated.")


async def _run(
    rpc: Rpc, message: MessageV0, instructions: Sequence[Instruction], own_errors: Errors, keys: Keys, at_slot: int
) -> tuple[int, Mapping[str, Any]]:
    """With the slot at which it was run."""
    unsigned = VersionedTransaction.populate(message, [Signature.default()])
    options: dict[str, Any] = BASE64 | {"sigVerify": False, "replaceRecentBlockhash": True}
    if keys:
        options["accounts"] = {"encoding": "base64", "addresses": list(map(str, keys))}
    answer = await rpc.call("simulateTransaction", b64encode(bytes(unsigned)).decode(), options)
    with reading("simulateTransaction"):
        value: Mapping[str, Any] = answer["value"]
        if (slot := int(answer["context"]["slot"])) < at_slot:
            raise RpcUnanswered("The node stands still: others are far ahead of what it simulates.")
        if (error := value["err"]) is not None:
            code = code_of(error, [str(one.program_id) for one in instructions], own_errors)
            raise DexError(code, "The swap would fail now.")
        return slot, value


def check_programs(found: Accounts, known: Collection[Pubkey]) -> None:
    """An aggregator passes our signature on to the programs that its instruction names. A stranger's would do one thing
    while it is simulated, and another one when it lands.
    """
    for key, account in found.items():
        if (account.executable or account.owner in LOADERS) and key not in known:
            raise Unsafe(f"it names a program that is not on our list, {key}")


def check_changes(
    before: Accounts,
    after: Accounts,
    *,
    wallet: Pubkey,
    own: Collection[Pubkey],
    swap: SolanaSwap,
    mints: tuple[str, str],
    fee: int,
    given: Mapping[str, int] = NOTHING,
) -> None:
    """Raises `Unsafe` unless only the two balances of the swap move, and by no more than agreed.

    `own`: the wallet and its associated accounts for the route. `given`: by so much others may have made them move.
    """
    payer = after.get(wallet)
    if payer is None or payer.owner != SYSTEM or payer.data:
        raise Unsafe("it takes the wallet itself away")
    for key in before.keys() | after.keys():
        accounts = before.get(key), after.get(key)
        if key not in own and any(one is not None and _is_ours(one, wallet) for one in accounts):
            raise Unsafe(f"it may change another token account of the wallet, {key}")
        if key in own and key != wallet and accounts[1] is not None and not _is_ours(accounts[1], wallet):
            raise Unsafe(f"it gives a token account of the wallet away, {key}")
        _check_kept(key, *accounts, wallet)
    changed = _changes(before, after, wallet, own)
    changed[str(NATIVE_MINT)] += fee
    spent, brought = -changed.pop(mints[0], 0), changed.pop(mints[1], 0)
    if spent > swap.amount_in:
        raise Unsafe("it spends more than the order")
    if brought < swap.min_amount_out:
        raise Unsafe("it brings less than the order's minimum")
    if brought > swap.quoted * (100 + MAX_BETTER_PERCENT) // 100:
        # The floor follows from the quote. Somebody who quotes too little keeps the difference by trading around us.
        raise DexError("venue_unavailable", "The venue quoted less than the swap brings.")
    if moved := [mint for mint, change in changed.items() if not 0 <= change <= given.get(mint, 0)]:
        raise Unsafe(f"it moves another balance, of {moved[0]}")


def told(
    seen: Simulation, budget: Budget, wallet: Pubkey, own: Collection[Pubkey], mints: tuple[str, str]
) -> dict[str, Any]:
    """For people: what it would have done."""
    changed = _changes(seen.before, seen.after, wallet, own)
    changed[str(NATIVE_MINT)] += SIGNATURE_FEE + budget.lamports
    spent, brought = (str(abs(changed[mint])) for mint in mints)
    units = {"unitsConsumed": seen.units, "unitLimit": budget.units, "unitPriceMicroLamports": budget.price}
    return {"simulation": {"mintIn": mints[0], "unitsIn": spent, "mintOut": mints[1], "unitsOut": brought, **units}}


def _check_kept(key: Pubkey, before: Account | None, after: Account | None, wallet: Pubkey) -> None:
    """Nobody else may own, spend or close a token account of ours, also if it was allowed by another transaction."""
    if after is None:
        return
    if before is not None and _is_ours(before, wallet) and (after.owner, after.rest) != (before.owner, before.rest):
        raise Unsafe("it changes who may use a token account of ours")
    if _is_ours(after, wallet) and (any(after.data[DELEGATE]) or any(after.data[CLOSER])):
        raise Unsafe(f"it lets somebody else use a token account of ours, {key}")


def _changes(before: Accounts, after: Accounts, wallet: Pubkey, own: Collection[Pubkey]) -> dict[str, int]:
    """By mint. SOL is the lamports of the wallet and of its token accounts: rent and wrapped SOL are still its own. So
    are those that a stranger has sent to the address of such an account, which are found in it once it is made.
    """
    changed: dict[str, int] = defaultdict(int)
    for sign, accounts in ((-1, before), (1, after)):
        for key, account in accounts.items():
            ours = _is_ours(account, wallet)
            if ours or key in own:
                changed[str(NATIVE_MINT)] += sign * account.lamports
            if ours and (mint := Pubkey.from_bytes(account.data[MINT])) != NATIVE_MINT:
                changed[str(mint)] += sign * account.amount
    return changed


def _given(before: Accounts, again: Accounts, wallet: Pubkey, own: Collection[Pubkey]) -> Mapping[str, int] | None:
    """What others have sent us meanwhile, if nothing else changed and it is little: anybody can, in each block.

    None: more than that. A swap of ours, which takes something, or so much that it could hide what this one takes.
    """
    old, new = (_of_wallet(accounts, wallet, own) for accounts in (before, again))
    if old.keys() != new.keys():
        return None
    for key, account in old.items():
        lamports, units = new[key].lamports - account.lamports, new[key].amount - account.amount
        is_little = 0 <= lamports <= LITTLE and 0 <= units <= max(LITTLE, account.amount // 1_000)
        if not is_little or (new[key].owner, new[key].rest) != (account.owner, account.rest):
            return None
    return _changes(before, again, wallet, own)


def _of_wallet(accounts: Accounts, wallet: Pubkey, own: Collection[Pubkey]) -> Accounts:
    return {key: account for key, account in accounts.items() if key in own or _is_ours(account, wallet)}


def _is_ours(account: Account, wallet: Pubkey) -> bool:
    is_token = account.owner in (TOKEN, TOKEN_2022) and len(account.data) >= TOKEN_ACCOUNT_SIZE
    return is_token and account.data[OWNER] == bytes(wallet)


async def _accounts(rpc: Rpc, keys: Sequence[Pubkey], *, at_slot: int = 0) -> tuple[int, Accounts]:
    """With their slot, which is not before this one: behind one address there may be nodes of which some are behind."""
    for _ in range(TRIES):
        answer = await rpc.call("getMultipleAccounts", list(map(str, keys)), BASE64)
        with reading("getMultipleAccounts"):
            if (slot := int(answer["context"]["slot"])) >= at_slot:
                return slot, _read(keys, answer["value"])
        await asyncio.sleep(BEHIND_SECONDS)
    raise RpcUnanswered("The node that told the accounts is behind the one that simulated the swap.")


def _read(keys: Sequence[Pubkey], rows: Any) -> Accounts:
    """Those that exist."""
    return {
        key: Account(
            int(row["lamports"]),
            Pubkey.from_string(row["owner"]),
            b64decode(row["data"][0], validate=True),
            row["executable"] is True,
        )
        for key, row in zip(keys, rows, strict=True)
        if row is not None and row["lamports"]
    }
