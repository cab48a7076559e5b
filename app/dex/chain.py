"""The chain as the engine sees it: sign, send, ask. Values, pure functions, and one protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha512
from typing import Any, Literal, Protocol

import orjson

from app.dex import base58
from app.dex.quotes import BuiltSwap

BLOCKHASH_LIFE = 150
"""Blocks after which a transaction that names a blockhash can no longer land."""


@dataclass(frozen=True, slots=True)
class Blockhash:
    hash: str
    last_valid_height: int
    """The last height at which a swap signed with it can land."""
    slot: int
    """Market time now: what the venues are asked to quote for."""


@dataclass(frozen=True, slots=True)
class SignedSwap:
    """A swap that may be sent any number of times and lands at most once."""

    signature: str
    swap: BuiltSwap
    memo: str
    """The order it is for, written on chain for everyone to check."""
    last_valid_height: int

    def to_json(self) -> dict[str, Any]:
        return {
            "signature": self.signature,
            "swap": self.swap.to_json(),
            "memo": self.memo,
            "lastValidHeight": self.last_valid_height,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> "SignedSwap":
        return SignedSwap(data["signature"], BuiltSwap.from_json(data["swap"]), data["memo"], data["lastValidHeight"])


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a transaction ended. It never changes."""

    status: Literal["landed", "failed"]
    slot: int
    amount_out: int | None = None
    """What a landed swap brought."""
    code: str | None = None
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent answer: at this height, this was known."""

    height: int
    outcome: Outcome | None


class Chain(Protocol):
    """A connection to the network. Trouble with it is a `DexError`, never another exception."""

    async def blockhash(self) -> Blockhash: ...

    async def send(self, signed: SignedSwap) -> Snapshot | None:
        """Hand it in; again is the same as once. `outcome_unknown` when it may or may not have arrived.

        Answers what is known of it by then, if anything is; None proves nothing.
        """

    async def ended(self, signatures: Sequence[str]) -> tuple[int, Mapping[str, Outcome]]:
        """The height, and how those of these swaps ended that have. Being absent proves nothing here: `ask`."""

    async def ask(self, signature: str) -> Snapshot:
        """What the chain knows now. What is absent above its last valid height is absent for ever."""


def sign(swap: BuiltSwap, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
    """Sign for one attempt of one order: pure, so the same input has the same 64-byte signature."""
    content = [memo, attempt, blockhash.hash, blockhash.last_valid_height, swap.to_json()]
    digest = bytearray(sha512(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest())
    digest[0] |= 0x80  # shorter numbers have fewer digits in base58; this keeps every signature at 88
    return SignedSwap(base58.encode(bytes(digest)), swap, memo, blockhash.last_valid_height)


def verdict(snapshot: Snapshot, last_valid_height: int) -> Literal["landed", "failed", "expired", "unknown"]:
    """What one answer proves. Only `failed` and `expired` allow a new swap to be signed."""
    if snapshot.outcome is not None:
        return snapshot.outcome.status
    return "expired" if snapshot.height > last_valid_height else "unknown"
