"""What can go wrong between a request and a fill, and which of it a fresh attempt can cure.

The classes are data: a code is in at most one of the three sets. One that is in none, for instance a mistake of the
engine's own, is tried again.
"""

RETRY: frozenset[str] = frozenset(
    {"slippage_exceeded", "blockhash_expired", "tx_dropped", "rpc_timeout", "venue_unavailable"}
)
"""A fresh quote and a new signature may do better."""

NEVER: frozenset[str] = frozenset(
    {
        "insufficient_liquidity",
        "price_impact_too_high",
        "insufficient_funds",
        "unsupported_pair",
        "zero_output",
        "expired",
    }
)
"""The same request can only fail the same way again."""

RECONCILE: frozenset[str] = frozenset({"outcome_unknown"})
"""The swap may have been sent: ask the chain before anything else."""


class DexError(Exception):
    """A reason the market gave: a `code` to decide by, and a sentence that is safe to show to the client."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def may_retry(code: str) -> bool:
    """Whether a new attempt makes sense once this one is known to be over."""
    return code in RETRY
