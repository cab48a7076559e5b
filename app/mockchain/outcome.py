"""The outcome of a transaction, decided once from its signature: whether it lands, when, and with what amount."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from app.dex.chain import SignedSwap
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap

STALE_LIFE = 10
"""Blocks that a blockhash from a lagging node has left."""

MIN_LIFE = 15
"""A transaction with fewer blocks left is not taken into a block. Has to be more than `STALE_LIFE`."""

DROPPED_SHARE = 0.2
"""The share of injected failures that are dropped silently. The others fail on chain, visibly.

A drop is only known when its blockhash has expired, usually a minute later. So dropped transactions are signed with a
stale blockhash: the loss is as silent as a real one, but known within seconds.
"""

_CODES_ON_CHAIN = ("slippage_exceeded", "venue_unavailable")


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the simulated network behaves."""

    block_ms: int  # the length of a block
    execution_ms_min: int  # from the first send to the block
    execution_ms_max: int
    failure_rate: float  # the share of sends that fail in a way a retry can cure
    seed: int  # of all draws

    @property
    def stale_rate(self) -> float:
        """The share of blockhashes that are stale. Everything signed with one is dropped."""
        return self.failure_rate * DROPPED_SHARE

    @property
    def failing_rate(self) -> float:
        """The share of the other transactions that fail on chain, so that all failures together are `failure_rate`."""
        return (self.failure_rate - self.stale_rate) / (1 - self.stale_rate)


@dataclass(frozen=True, slots=True)
class PlannedOutcome:
    status: Literal["landed", "failed", "dropped"]
    slot: int  # of the block it is in
    landed_ms: int  # Unix time from which it is known
    code: str | None = None  # why it did not land
    amount_out: int | None = None  # of a landed swap


def plan_outcome(
    signed: SignedSwap, swap: BuiltSwap, now_ms: int, conditions: Conditions, fill: Callable[[BuiltSwap, int], int]
) -> PlannedOutcome:
    """The outcome of a swap that is sent for the first time now. The ledger ignores it if that is too late."""
    luck, pick, delay = _draws(conditions.seed, signed.signature)
    spread = conditions.execution_ms_max - conditions.execution_ms_min
    landed_ms = now_ms + conditions.execution_ms_min + int(delay * max(spread, 0))
    slot = landed_ms // conditions.block_ms
    height, last = now_ms // conditions.block_ms, signed.last_valid_height
    if height + MIN_LIFE > last or slot > last:
        return PlannedOutcome("dropped", min(height, last), now_ms, "tx_dropped")
    if luck < conditions.failing_rate:
        return PlannedOutcome("failed", slot, landed_ms, _CODES_ON_CHAIN[int(pick * len(_CODES_ON_CHAIN))])
    try:
        return PlannedOutcome("landed", slot, landed_ms, amount_out=fill(swap, slot))
    except DexError as error:
        return PlannedOutcome("failed", slot, landed_ms, error.code)


def _draws(seed: int, signature: str) -> tuple[float, float, float]:
    """Three independent numbers in [0, 1), always the same for one signature."""
    digest = blake2b(f"{seed}/{signature}".encode(), digest_size=24).digest()
    first, second, third = (int.from_bytes(digest[i : i + 6], "big") / 2**48 for i in (0, 8, 16))
    return first, second, third
