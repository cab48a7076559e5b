"""Who is calling, and what their key allows."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Caller:
    owner: str  # of the orders that this caller places and sees
    operator: bool
    key: str = ""  # the prefix of the API key, which is not secret; "" in local mode
    max_order_usd: int | None = None  # the risk limits of this key; None: those of the settings
    max_daily_usd: int | None = None
    max_orders_per_min: int | None = None  # the quotas of this key; 0: none; None: those of the settings
    max_reads_per_min: int | None = None
    read_only: bool = False  # may change nothing
    expires_at: datetime | None = None  # None: never
