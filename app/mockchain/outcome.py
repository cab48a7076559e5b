"""What becomes of a transaction, decided once from its signature: when it lands, whether it does, what it brings."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from app.dex.chain import SignedSwap
from app.dex.errors import DexError
from app.dex.quotes import BuiltSwap

STALE_LIFE = 10
"""Blocks left to a blockhash from a node that lags behind."""

LEAST_LIFE = 15
"""Nobody takes a transaction that is about to expire into a block. It has to be more than `STALE_LIFE`."""

DROPPED_SHARE = 0.2
"""Of the injected failures, how many are dropped without a word. The others fail on chain, visibly.

A drop is only known once its blockhash has expired, a minute later as a rule. So what is dropped was signed with a
stale blockhash: the loss is just as silent, but lasts seconds.
"""

_ON_CHAIN = ("slippage_exceeded", "venue_unavailable")


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the simulated network behaves."""

    block_ms: int
    execution_ms_min: int
    execution_ms_max: int
    failure_rate: float
    seed: int

    @property
    def stale_rate(self) -> float:
        """The share of blockhashes that are stale; everything signed with one is dropped."""
        return self.failure_rate * DROPPED_SHARE

    @property
    def failing_rate(self) -> float:
        """The share of the other transactions that fail on chain, such that all failures make `failure_rate`."""
        return (self.failure_rate - self.stale_rate) / (1 - self.stale_rate)


@dataclass(frozen=True, slots=True)
class PlannedOutcome:
    status: Literal["landed", "failed", "dropped"]
    slot: int
    landed_ms: int
    code: str | None = None
    amount_out: int | None = None


def plan_outcome(
    signed: SignedSwap, swap: BuiltSwap, now_ms: int, conditions: Conditions, fill: Callable[[BuiltSwap, int], int]
) -> PlannedOutcome:
    """What happens to a swap that is first sent now. (If that is too late, the ledger does not record it at all.)"""
    luck, pick, delay = _draws(conditions.seed, signed.signature)
    spread = conditions.execution_ms_max - conditions.execution_ms_min
    landed_ms = now_ms + conditions.execution_ms_min + int(delay * max(spread, 0))
    slot = landed_ms // conditions.block_ms
    height, last = now_ms // conditions.block_ms, signed.last_valid_height
    if height + LEAST_LIFE > last or slot > last:
        return PlannedOutcome("dropped", min(height, last), now_ms, "tx_dropped")
    if luck < conditions.failing_rate:
        return PlannedOutcome("failed", slot, landed_ms, _ON_CHAIN[int(pick * len(_ON_CHAIN))])
    try:
        return PlannedOutcome("landed", slot, landed_ms, amount_out=fill(swap, slot))
    except DexError as error:
        return PlannedOutcome("failed", slot, landed_ms, error.code)


def _draws(seed: int, signature: str) -> tuple[float, float, float]:
    """Three independent numbers in [0, 1), the same whenever this signature is sent."""
    digest = blake2b(f"{seed}/{signature}".encode(), digest_size=24).digest()
    first, second, third = (int.from_bytes(digest[i : i + 6], "big") / 2**48 for i in (0, 8, 16))
    return first, second, third
