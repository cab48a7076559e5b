"""Transactions of the simulated chain: their encoding, and a signer that needs no key."""

from dataclasses import dataclass
from hashlib import sha512

import orjson

from app.dex import base58
from app.dex.chain import Blockhash, SignedSwap, Signer
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a payload says."""

    swap: BuiltSwap
    memo: str  # the order's id


class SimulatedSigner:
    """A signer without a key. The signature depends on the message and on nothing else."""

    async def sign(self, message: bytes) -> bytes:
        return sha512(message).digest()


async def sign(swap: BuiltSwap, signer: Signer, *, memo: str, attempt: int, blockhash: Blockhash) -> SignedSwap:
    payload = orjson.dumps([memo, attempt, blockhash.hash, blockhash.last_valid_height, swap])
    signature = base58.encode(await signer.sign(payload))
    return SignedSwap(signature, payload, blockhash.last_valid_height, swap.venue)


def decode(payload: bytes) -> Transaction:
    """The transaction in a payload. One of another chain is a `DexError`."""
    try:
        memo, _, _, _, swap = orjson.loads(payload)
        return Transaction(BuiltSwap(**swap | {"pools": tuple(swap["pools"]), "route": tuple(swap["route"])}), memo)
    except (ValueError, TypeError, KeyError) as error:
        raise DexError("outcome_unknown", "The chain cannot read this transaction.") from error
