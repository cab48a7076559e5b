"""Asking one node after the other, and the few answers that more than one module reads."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from app.dex.adapters.solana.rpc import Rpc, RpcRefused, RpcUnanswered
from app.dex.errors import DexError

CONFIRMED = {"commitment": "confirmed"}
VERSION_0 = {"maxSupportedTransactionVersion": 0}
TRANSACTION_OPTIONS = CONFIRMED | VERSION_0 | {"encoding": "json"}
HEIGHT_ONLY = VERSION_0 | {"transactionDetails": "none", "rewards": False}

PERCENTILE = 75  # of what others paid lately
MAX_FEE_ACCOUNTS = 128  # accounts in one call for it

Value = TypeVar("Value")


async def first_of(asks: Sequence[Callable[[], Awaitable[Value]]]) -> Value:
    """The first answer, of one node after the other. Whatever is no failure of a node is an answer."""
    failed: DexError | None = None
    for ask in asks:
        try:
            return await ask()
        except (RpcUnanswered, RpcRefused) as error:
            failed = failed or error
    raise failed or RpcUnanswered("No node is configured.")


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


async def usual_price(rpc: Rpc, accounts: Sequence[str]) -> int:
    """What most pay for a unit of compute when they write to these accounts, in millionths of a lamport."""
    rows = await rpc.call("getRecentPrioritizationFees", list(accounts[:MAX_FEE_ACCOUNTS]))
    with reading("getRecentPrioritizationFees"):
        prices = sorted(int(row["prioritizationFee"]) for row in rows)
        return prices[(len(prices) - 1) * PERCENTILE // 100] if prices else 0
