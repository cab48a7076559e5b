"""The errors between a request and a fill, and which of them a new attempt can cure.

The classes are data: a code is in at most one of the three sets. A code in none of them, such as a bug of the engine,
is retried.
"""

from collections.abc import Mapping
from typing import Any

More = Mapping[str, Any]
NOTHING_MORE: More = {}

RETRY: frozenset[str] = frozenset(
    {"slippage_exceeded", "blockhash_expired", "tx_dropped", "rpc_timeout", "venue_unavailable"}
)
"""A fresh quote and a new signature may succeed."""

NEVER: frozenset[str] = frozenset(
    {
        "insufficient_liquidity",
        "price_impact_too_high",
        "insufficient_funds",
        "unsupported_pair",
        "zero_output",
        "expired",
        "risk_limit",
        "day_limit",
        "unsafe_transaction",
        "no_wallet",
        "dry_run",
    }
)
"""The same request would fail in the same way."""

RECONCILE: frozenset[str] = frozenset({"outcome_unknown"})
"""The swap may have been sent: the chain has to be asked first."""


class DexError(Exception):
    """An error of the market: a `code` to decide by, a `detail` that may be shown to the client, and what else the
    event of its order says.
    """

    def __init__(self, code: str, detail: str, more: More = NOTHING_MORE) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.more = more


def may_retry(code: str) -> bool:
    """Whether a new attempt makes sense, once the last one is known to have failed."""
    return code in RETRY
