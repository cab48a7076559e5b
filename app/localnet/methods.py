"""The JSON-RPC methods that an engine needs, in the shapes of Agave."""

from collections.abc import Callable, Mapping

from solders.hash import Hash
from solders.pubkey import Pubkey

from app.localnet.clock import height_of, slot_of
from app.localnet.shapes import (
    BEHIND,
    INVALID_PARAMS,
    NOT_AVAILABLE,
    PREFLIGHT_FAILED,
    SLOT_SKIPPED,
    UNSUPPORTED_VERSION,
    Json,
    Params,
    RpcError,
    account_json,
    commitment_of,
    context,
    encoded,
    options_of,
    read_transaction,
    token_balances,
    version_of,
    with_context,
)
from app.localnet.view import View

MAX_STATUSES, MAX_ACCOUNTS, MAX_SIGNATURES = 256, 100, 1000
RECENT_BLOCKS = 300  # as long as a status is known without the history


def latest_blockhash(view: View, params: Params) -> Json:
    height = view.height(commitment_of(params))
    if slot_of(height) < options_of(params).get("minContextSlot", 0):
        raise RpcError(BEHIND, "Minimum context slot has not been reached")
    blockhash, last = view.validator.latest_blockhash(height)
    return with_context(view, params, {"blockhash": blockhash, "lastValidBlockHeight": last})


def blockhash_is_valid(view: View, params: Params) -> Json:
    made = view.validator.clock.height_of_blockhash(bytes(Hash.from_string(params[0])))
    return with_context(view, params, made is not None and made <= view.height(commitment_of(params)))


def epoch_info(view: View, params: Params) -> Json:
    height = view.height(commitment_of(params))
    slot = slot_of(height)
    return {
        "absoluteSlot": slot,
        "blockHeight": height,
        "epoch": slot // 432_000,
        "slotIndex": slot % 432_000,
        "slotsInEpoch": 432_000,
        "transactionCount": len(view.validator.landed),
    }


def signature_statuses(view: View, params: Params) -> Json:
    signatures, history = params[0], options_of(params).get("searchTransactionHistory", False)
    if len(signatures) > MAX_STATUSES:
        raise RpcError(INVALID_PARAMS, f"Too many inputs provided; max {MAX_STATUSES}")
    return {"context": context(view, "processed"), "value": [_status(view, one, history) for one in signatures]}


def _status(view: View, signature: str, history: bool) -> Json:
    found = view.transaction(signature)
    if found is None or (not history and view.height("processed") - found.height > RECENT_BLOCKS):
        return None
    depth = view.height("processed") - found.height
    level = view.level(found.height)
    return {
        "slot": found.slot,
        "confirmations": None if level == "finalized" else depth,
        "err": found.error,
        "status": {"Ok": None} if found.error is None else {"Err": found.error},
        "confirmationStatus": level,
    }


def transaction(view: View, params: Params) -> Json:
    found = view.transaction(params[0])
    options = options_of(params)
    if found is None or found.height > view.height(options.get("commitment", "finalized")):
        return None
    version = version_of(found)
    if isinstance(version, int) and version > options.get("maxSupportedTransactionVersion", -1):
        text = f"Transaction version ({version}) is not supported by the requesting client."
        raise RpcError(UNSUPPORTED_VERSION, text)
    return {
        "slot": found.slot,
        "blockTime": view.validator.clock.seconds_at(found.height),
        "version": version,
        "transaction": encoded(found, options.get("encoding", "json")),
        "meta": {
            "err": found.error,
            "status": {"Ok": None} if found.error is None else {"Err": found.error},
            "fee": found.fee,
            "preBalances": list(found.before.lamports),
            "postBalances": list(found.after.lamports),
            "preTokenBalances": token_balances(found.before),
            "postTokenBalances": token_balances(found.after),
            "innerInstructions": [],
            "loadedAddresses": {
                "readonly": [str(key) for key in found.loaded.readonly],
                "writable": [str(key) for key in found.loaded.writable],
            },
            "logMessages": list(found.logs),
            "computeUnitsConsumed": found.units,
            "rewards": [],
        },
    }


def signatures_for_address(view: View, params: Params) -> Json:
    address, options = Pubkey.from_string(params[0]), options_of(params)
    if slot_of(view.height(options.get("commitment", "finalized"))) < options.get("minContextSlot", 0):
        raise RpcError(BEHIND, "Minimum context slot has not been reached")
    newest_first = list(reversed(view.transactions()))  # of all addresses: `before` may be a transaction of any
    if before := options.get("before"):
        places = [index for index, one in enumerate(newest_first) if one.signature == before]
        newest_first = newest_first[places[0] + 1 :] if places else []
    if until := options.get("until"):
        places = [index for index, one in enumerate(newest_first) if one.signature == until]
        newest_first = newest_first[: places[0]] if places else newest_first
    visible = [
        one
        for one in newest_first
        if address in one.keys and one.height <= view.height(options.get("commitment", "finalized"))
    ]
    return [
        {
            "signature": one.signature,
            "slot": one.slot,
            "err": one.error,
            "memo": "; ".join(f"[{len(memo.encode())}] {memo}" for memo in one.memos) or None,
            "blockTime": view.validator.clock.seconds_at(one.height),
            "confirmationStatus": view.level(one.height),
        }
        for one in visible[: min(options.get("limit", MAX_SIGNATURES), MAX_SIGNATURES)]
    ]


def send_transaction(view: View, params: Params) -> Json:
    raw, parsed = read_transaction(params)
    if not options_of(params).get("skipPreflight", False):
        simulated = view.validator.simulate(raw, verify=True, replace_blockhash=False)
        if simulated.error is not None:
            data = {"err": simulated.error, "logs": list(simulated.logs), "unitsConsumed": simulated.units}
            raise RpcError(PREFLIGHT_FAILED, "Transaction simulation failed", data)
    view.send(raw, str(parsed.signatures[0]))
    return str(parsed.signatures[0])


def simulate_transaction(view: View, params: Params) -> Json:
    raw, _ = read_transaction(params)
    options = options_of(params)
    verify, replace = options.get("sigVerify", False), options.get("replaceRecentBlockhash", False)
    if verify and replace:
        raise RpcError(INVALID_PARAMS, "sigVerify may not be used with replaceRecentBlockhash")
    done = view.validator.simulate(raw, verify=verify, replace_blockhash=replace)
    accounts = None
    if wanted := (options.get("accounts") or {}).get("addresses"):
        keys = [Pubkey.from_string(one) for one in wanted]
        accounts = [account_json(done.accounts.get(key) or view.validator.account(key)) for key in keys]
    value = {"err": done.error, "logs": list(done.logs), "unitsConsumed": done.units, "accounts": accounts}
    return with_context(view, params, value)


def multiple_accounts(view: View, params: Params) -> Json:
    if len(params[0]) > MAX_ACCOUNTS:
        raise RpcError(INVALID_PARAMS, f"Too many inputs provided; max {MAX_ACCOUNTS}")
    accounts = [account_json(view.validator.account(Pubkey.from_string(one))) for one in params[0]]
    return with_context(view, params, accounts)


def account_info(view: View, params: Params) -> Json:
    return with_context(view, params, account_json(view.validator.account(Pubkey.from_string(params[0]))))


def balance(view: View, params: Params) -> Json:
    account = view.validator.account(Pubkey.from_string(params[0]))
    return with_context(view, params, account.lamports if account else 0)


def block(view: View, params: Params) -> Json:
    height = height_of(params[0])
    if height is None:
        raise RpcError(SLOT_SKIPPED, f"Slot {params[0]} was skipped, or missing in long-term storage")
    if not view.first_height <= height <= view.height(options_of(params).get("commitment", "finalized")):
        raise RpcError(NOT_AVAILABLE, f"Block {params[0]} cleaned up, does not exist on node.")
    blockhash, _ = view.validator.latest_blockhash(height)
    return {"blockHeight": height, "blockhash": blockhash, "blockTime": view.validator.clock.seconds_at(height)}


def prioritization_fees(view: View, params: Params) -> Json:
    return [{"slot": slot_of(height), "prioritizationFee": view.usual_price} for height in view.recent_heights(150)]


def set_balances(view: View, params: Params) -> Json:
    """No node of a real chain has it: what token accounts hold from now on, such as the vaults of pools."""
    view.validator.set_balances({str(account): int(amount) for account, amount in params[0].items()})
    return None


METHODS: Mapping[str, Callable[[View, Params], Json]] = {
    "localnet_setBalances": set_balances,
    "getAccountInfo": account_info,
    "getBalance": balance,
    "getBlock": block,
    "getBlockHeight": lambda view, params: view.height(commitment_of(params)),
    "getEpochInfo": epoch_info,
    "getFirstAvailableBlock": lambda view, _: slot_of(view.first_height),
    "getGenesisHash": lambda view, _: str(Pubkey.from_bytes(view.validator.clock.genesis_hash)),
    "getHealth": lambda view, _: "ok",
    "getLatestBlockhash": latest_blockhash,
    "getMultipleAccounts": multiple_accounts,
    "getRecentPrioritizationFees": prioritization_fees,
    "getSignatureStatuses": signature_statuses,
    "getSignaturesForAddress": signatures_for_address,
    "getTransaction": transaction,
    "isBlockhashValid": blockhash_is_valid,
    "sendTransaction": send_transaction,
    "simulateTransaction": simulate_transaction,
}
