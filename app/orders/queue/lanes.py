"""The lanes of the queue: which orders start first while more wait than may start.

Of any ten starts in a row, market orders have at least five while any wait, and each other lane one. The first lane
that is not empty has the rest, and what empty lanes leave (`SLOTS` in lanes.lua). Within a lane owners take turns, and
each owner's orders start in the order in which they became due.
"""

from collections.abc import Mapping
from enum import IntEnum
from fractions import Fraction


class Lane(IntEnum):
    """In this order they get what others leave."""

    STOPS = 1
    MARKET = 2
    LIMITS = 3
    SLICES = 4


_LANES: Mapping[str, Lane] = {
    "stop": Lane.STOPS,
    "take_profit": Lane.STOPS,
    "trailing_stop": Lane.STOPS,
    "market": Lane.MARKET,
    "limit": Lane.LIMITS,
    "sniper": Lane.LIMITS,
    "dca": Lane.SLICES,
}


_OF_TEN: Mapping[Lane, int] = {Lane.STOPS: 1, Lane.MARKET: 5, Lane.LIMITS: 1, Lane.SLICES: 1}  # starts of a full lane


def share_of(lane: Lane, waiting: Mapping[Lane, int]) -> Fraction:
    """Of the next starts, as long as the lanes that are empty now stay so, and this one does not."""
    full = [other for other in Lane if waiting[other] or other is lane]
    left = 10 - sum(_OF_TEN[other] for other in full)
    return Fraction(_OF_TEN[lane] + (left if lane is full[0] else 0), 10)


def lane_of(order_type: str) -> Lane:
    """A type that only a newer version knows goes to the market orders."""
    return _LANES.get(order_type, Lane.MARKET)


def queue_entry(order: str, order_type: str, owner: str) -> str:
    """How the queue names an order: with all that it needs to find the order's place."""
    return f"{order}:{lane_of(order_type):d}:{owner}"


def order_in(entry: str) -> str:
    """The id in an entry. Entries of older processes are only that."""
    return entry[:36]


def lane_in(entry: str) -> Lane:
    return Lane(int(entry[37]))
