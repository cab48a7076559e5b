"""The few answers that more than one module reads."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.dex.adapters.solana.rpc import Rpc, RpcUnanswered

CONFIRMED = {"commitment": "confirmed"}
VERSION_0 = {"maxSupportedTransactionVersion": 0}
TRANSACTION_OPTIONS = CONFIRMED | VERSION_0 | {"encoding": "json"}
HEIGHT_ONLY = VERSION_0 | {"transactionDetails": "none", "rewards": False}


@contextmanager
def reading(method: str) -> Iterator[None]:
    """An answer in another form than Solana's says nothing."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise RpcUnanswered(f"The node's answer to {method} cannot be read.") from error


async def finalized(rpc: Rpc) -> tuple[int, int]:
    """Height and slot of one moment."""
    info = await rpc.call("getEpochInfo", {"commitment": "finalized"})
    with reading("getEpochInfo"):
        return int(info["blockHeight"]), int(info["absoluteSlot"])


async def first_height(rpc: Rpc) -> int:
    """The height of the first block that the provider still has."""
    slot = await rpc.call("getFirstAvailableBlock")
    if slot == 0:
        return 0
    block = await rpc.call("getBlock", slot, HEIGHT_ONLY)
    with reading("getBlock"):
        return int(block["blockHeight"])
