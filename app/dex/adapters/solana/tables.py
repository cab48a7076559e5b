"""Address lookup tables: an account named by its place in a table takes one byte in a transaction instead of 32.

A venue says which tables exist. What is in them is read from the chain, and only from finalized blocks: a table only
grows, so what is at a place then stays there. One that is missing, or is being closed, is not used. What is at a place
is what `PROOFS` nodes tell alike: a node could put another account of ours where the checks see a stranger's. Accounts
of our own are never named through a table.
"""

import struct
from base64 import b64decode
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from app.dex.adapters.solana.programs import LOOKUP_TABLE
from app.dex.adapters.solana.reading import proofs_of, reading
from app.dex.adapters.solana.rpc import Rpc

HEAD = 56  # bytes before the addresses: a number for the kind, the slot of its closing, and more
IS_TABLE, OPEN = 1, 2**64 - 1
MAX_TABLES, MAX_PLACES = 8, 256
NOBODY = Keypair().pubkey()  # of a key that nobody keeps; the address of all zeros would be the system program's
FINALIZED = {"commitment": "finalized", "encoding": "base64"}


async def read_tables(
    providers: Sequence[Rpc], keys: Sequence[Pubkey], *, own: Collection[Pubkey]
) -> list[AddressLookupTableAccount]:
    """Those that can be used. `own`: accounts that are not to be found in them."""
    if not keys:
        return []
    told = await proofs_of([partial(_told, rpc, keys[:MAX_TABLES]) for rpc in providers])
    tables = []
    for key, *contents in zip(keys[:MAX_TABLES], *told, strict=True):
        known = [content for content in contents if content is not None]
        if len(known) == len(told):
            places = zip(*known, strict=False)  # a node that is ahead may know more of them
            addresses = [NOBODY if len(set(place)) > 1 or place[0] in own else place[0] for place in places]
            tables.append(AddressLookupTableAccount(key, addresses))
    return tables


async def _told(rpc: Rpc, keys: Sequence[Pubkey]) -> list[list[Pubkey] | None]:
    answer = await rpc.call("getMultipleAccounts", [str(key) for key in keys], FINALIZED)
    with reading("getMultipleAccounts"):
        return [_addresses(row) for _, row in zip(keys, answer["value"], strict=True)]


def _addresses(row: Any) -> list[Pubkey] | None:
    """None: it cannot be used."""
    if row is None or row["owner"] != str(LOOKUP_TABLE):
        return None
    data = b64decode(row["data"][0], validate=True)
    if (
        not HEAD <= len(data) <= HEAD + 32 * MAX_PLACES
        or (len(data) - HEAD) % 32
        or struct.unpack_from("<IQ", data) != (IS_TABLE, OPEN)
    ):
        return None
    return [Pubkey.from_bytes(data[at : at + 32]) for at in range(HEAD, len(data), 32)]
