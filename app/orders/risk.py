"""Risk limits: how much one order, and all orders of an owner in one UTC day, may be worth.

Limits are in whole dollars, and 0 means no limit. Values are in millionths of a dollar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.orders.model import PlaceOrder
from app.settings import Settings

UNITS = 10**6  # of a value, in one dollar


@dataclass(frozen=True, slots=True)
class RiskLimits:
    order_usd: int = 0
    daily_usd: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "RiskLimits":
        """Of the callers whose key has none of its own."""
        return cls(settings.max_order_usd, settings.max_daily_usd)

    def in_force(self, order_usd: int | None, daily_usd: int | None) -> "RiskLimits":
        """The limits of a key, and these where the key has none of its own."""
        if order_usd is None and daily_usd is None:
            return self
        return RiskLimits(
            self.order_usd if order_usd is None else order_usd, self.daily_usd if daily_usd is None else daily_usd
        )


class RiskLimitExceeded(Exception):
    """The order is too large by itself; with `used`, for what is left of its owner's day."""

    def __init__(self, *, limit_usd: int, value: int | None, used: int | None = None) -> None:
        super().__init__("risk_limit")
        self.limit_usd = limit_usd
        self.value = value  # None: the token has no price in dollars
        self.used = used


def beyond_limits(
    orders: Sequence[PlaceOrder], default: RiskLimits, used: Mapping[str, int]
) -> dict[UUID, RiskLimitExceeded]:
    """The orders that exceed a limit. `used`: of today, by owner; the orders add to it one after the other."""
    taken, refused = dict(used), {}
    for order in orders:
        limits, value = default.in_force(order.max_order_usd, order.max_daily_usd), order.usd_value
        if value is None:
            if smallest := limits.order_usd or limits.daily_usd:
                refused[order.id] = RiskLimitExceeded(limit_usd=smallest, value=None)
        elif limits.order_usd and value > limits.order_usd * UNITS:
            refused[order.id] = RiskLimitExceeded(limit_usd=limits.order_usd, value=value)
        elif limits.daily_usd:
            so_far = taken.get(order.owner, 0)
            if so_far + value > limits.daily_usd * UNITS:
                refused[order.id] = RiskLimitExceeded(limit_usd=limits.daily_usd, value=value, used=so_far)
            else:
                taken[order.owner] = so_far + value
    return refused


def most_used(
    orders: Sequence[PlaceOrder],
    default: RiskLimits,
    refused: Mapping[UUID, RiskLimitExceeded],
    used: Mapping[str, int],
) -> dict[str, int]:
    """By owner with a daily limit: with up to so much `used` today, no other of these orders than `refused` is beyond a
    limit. -1: what the owner has used is to be found out first, because it decides what is left for a smaller order.
    """
    taken, most = dict[str, int](), dict[str, int]()
    for order in orders:
        daily = default.in_force(order.max_order_usd, order.max_daily_usd).daily_usd * UNITS
        if order.id not in refused:
            if daily and order.usd_value is not None:
                taken[order.owner] = taken.get(order.owner, 0) + order.usd_value
                most[order.owner] = min(most.get(order.owner, daily), daily - taken[order.owner])
        elif refused[order.id].used is not None and order.owner not in used:
            most[order.owner] = -1
    return most
