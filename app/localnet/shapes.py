"""What Agave's answers are made of, and how its parameters are read."""

import base64
import binascii
from typing import Any

from solders.account import Account
from solders.message import Message, MessageV0, MessageV1
from solders.transaction import VersionedTransaction

from app.dex import base58
from app.localnet.clock import slot_of
from app.localnet.validator import Balances, Landed
from app.localnet.view import View

Params = list[Any]
Json = Any

INVALID_PARAMS, METHOD_NOT_FOUND = -32602, -32601
SLOT_SKIPPED, NOT_AVAILABLE, PREFLIGHT_FAILED, UNSUPPORTED_VERSION, BEHIND = -32009, -32001, -32002, -32015, -32016


class RpcError(Exception):
    def __init__(self, code: int, message: str, data: Json = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def encoded(found: Landed, encoding: str) -> Json:
    if encoding == "base64":
        return [base64.b64encode(found.raw).decode(), "base64"]
    message = VersionedTransaction.from_bytes(found.raw).message
    header = message.header
    return {
        "signatures": [found.signature],
        "message": {
            "header": {
                "numRequiredSignatures": header.num_required_signatures,
                "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
                "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
            },
            "accountKeys": [str(key) for key in found.keys],
            "recentBlockhash": str(message.recent_blockhash),
            "instructions": [
                {
                    "programIdIndex": one.program_id_index,
                    "accounts": list(one.accounts),
                    "data": base58.encode(one.data),
                }
                for one in message.instructions
            ],
            "addressTableLookups": [
                {
                    "accountKey": str(one.account_key),
                    "writableIndexes": list(one.writable_indexes),
                    "readonlyIndexes": list(one.readonly_indexes),
                }
                for one in (message.address_table_lookups if isinstance(message, MessageV0) else ())
            ],
        },
    }


def version_of(found: Landed) -> int | str:
    message = VersionedTransaction.from_bytes(found.raw).message
    return "legacy" if isinstance(message, Message) else int(isinstance(message, MessageV1))


def token_balances(balances: Balances) -> list[Json]:
    return [
        {
            "accountIndex": index,
            "mint": str(one.mint),
            "owner": str(one.owner),
            "uiTokenAmount": token_amount(one.amount, one.decimals),
        }
        for index, one in balances.tokens.items()
    ]


def token_amount(amount: int, decimals: int) -> Json:
    text = f"{amount / 10**decimals:.{decimals}f}"
    return {"amount": str(amount), "decimals": decimals, "uiAmount": float(text), "uiAmountString": text}


def options_of(params: Params) -> dict[str, Any]:
    return params[-1] if params and isinstance(params[-1], dict) else {}


def commitment_of(params: Params) -> str:
    return str(options_of(params).get("commitment", "finalized"))


def context(view: View, commitment: str) -> Json:
    return {"slot": slot_of(view.height(commitment)), "apiVersion": "localnet"}


def with_context(view: View, params: Params, value: Json) -> Json:
    return {"context": context(view, commitment_of(params)), "value": value}


def account_json(account: Account | None) -> Json:
    if account is None:
        return None
    return {
        "lamports": account.lamports,
        "data": [base64.b64encode(bytes(account.data)).decode(), "base64"],
        "owner": str(account.owner),
        "executable": account.executable,
        "rentEpoch": 2**64 - 1,
        "space": len(account.data),
    }


def read_transaction(params: Params) -> tuple[bytes, VersionedTransaction]:
    if options_of(params).get("encoding") != "base64":
        raise RpcError(INVALID_PARAMS, "this node takes transactions in base64 only")
    try:
        raw = base64.b64decode(params[0], validate=True)
        return raw, VersionedTransaction.from_bytes(raw)
    except (binascii.Error, ValueError) as error:
        raise RpcError(INVALID_PARAMS, f"failed to deserialize a transaction: {error}") from error
