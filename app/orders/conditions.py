"""What each type of order waits for, and the least that it accepts. Pure arithmetic on exact decimals.

A price is tokens out for one token in, so a better price is always a higher one. A limit and a take-profit wait for the
price to rise to their level, a stop for it to fall. The level of a trailing stop follows the highest price it has seen,
its extreme.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import StrEnum
from typing import Any, Literal

BPS = 10_000
MOST_IN_JSON = 2**53 - 1
LAST_PLACE = Decimal("1e-18")  # of a level in the database
EXACT = Context(prec=120)  # no product of amounts and prices is rounded; a tenth of the time of fractions
MOST_UNITS = 2**64 - 1  # base units of a token that an account can hold
STOP_SLIPPAGE_BPS = 300  # of a price trigger that names none
DEFAULT_PERSIST_SLOTS = 2
MAX_SLICED = 100  # open orders of one owner that are executed in slices


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    DCA = "dca"
    SNIPER = "sniper"


class TimeInForce(StrEnum):
    GTC = "gtc"  # until it is filled or cancelled
    GTD = "gtd"  # until a moment
    IOC = "ioc"  # now, or not at all


# launch: the pools of a token hold so many dollars; start: at `level` a trailing stop begins to follow the price
Op = Literal["ge", "le", "launch", "start"]
NO_PRICE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Trigger:
    """One armed condition: the price of a feed at or beyond a level."""

    feed: str
    op: Op
    level: Decimal
    persist: int  # recorded slots in a row; 0: the best mid, and then a quote at the order's size
    rank: int = 0  # of several legs of a group that are met at once, the lowest wins
    limit_price: Decimal | None = None  # of a sniper, which waits for a launch first
    trail_bps: int | None = None  # of a trailing stop: so far below its extreme it fires
    extreme: Decimal = NO_PRICE  # that it has seen already

    @property
    def base_level(self) -> Decimal:
        if self.op == "start":
            return self.extreme
        return self.level if self.limit_price is None else self.limit_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an order is executed in slices."""

    slices: int
    every_seconds: int
    start_at: datetime | None  # None: at once
    on_miss: str  # what follows a time in which nobody could make slices: extend, skip or catch_up
    band: tuple[Decimal | None, Decimal | None]  # the prices within which a slice is made


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long an order may last."""

    time_in_force: TimeInForce
    expires_at: datetime | None = None  # None: never, or so many seconds after it was placed


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What an order that waits has besides the fields of every order."""

    limit_price: Decimal | None = None
    limit_out: int | None = None  # base units: the order's floor
    condition: Mapping[str, Any]  # as the client said it
    trigger: Trigger | None = None
    plan: Plan | None = None  # in place of a trigger
    held: bool | None = None  # in a group with an entry: false: it is the entry; true: it waits for the entry's fill
    price: Decimal | None = None  # that the trigger was compared with when the order was accepted


def launch_feed(mint: str, venue: str | None = None) -> str:
    """What a sniper waits for: that a token is traded, on this venue or on any."""
    return mint if venue is None else f"{mint}@{venue}"


def feed_of(token_in: str, token_out: str) -> str:
    return f"{token_in}/{token_out}"


def waits_for_price(condition: Mapping[str, Any]) -> bool:
    return "price" in condition or "trailBps" in condition


def amount_at(price: Decimal, amount_in: int, decimals_in: int, decimals_out: int) -> int:
    """The least amount out at which a swap is not below a price: rounded up."""
    exact = EXACT.multiply(price, amount_in).scaleb(decimals_out - decimals_in, EXACT)
    return int(exact.to_integral_value(ROUND_CEILING, EXACT))


def less(price: Decimal, slippage_bps: int) -> Decimal:
    """A price less a slippage, rounded up to the last place that the database has."""
    return _part(price, BPS - slippage_bps).quantize(LAST_PLACE, ROUND_CEILING, EXACT)


def trail_level(extreme: Decimal, trail_bps: int) -> Decimal:
    """Where a trailing stop fires that has seen this price, rounded down to the last place that the database has."""
    return _part(extreme, BPS - trail_bps).quantize(LAST_PLACE, ROUND_FLOOR, EXACT)


def _part(price: Decimal, bps: int) -> Decimal:
    return EXACT.multiply(price, bps).scaleb(-4, EXACT)


def floor_price(limit_price: Decimal | None, level: Decimal, slippage_bps: int) -> Decimal:
    """The worst price that an order accepts which fires at this level."""
    return limit_price if limit_price is not None else less(level, slippage_bps)


def trigger_of(
    order_type: str,
    feed: str,
    limit_price: Decimal | None,
    condition: Mapping[str, Any],
    extreme: Decimal | None = None,
) -> Trigger:
    """What a new order waits for. `extreme`: what a trailing stop has seen that follows the price already."""
    if order_type == OrderType.TRAILING_STOP:
        begin = NO_PRICE if extreme is not None else Decimal(condition.get("activationPrice", NO_PRICE))
        bps, persist = condition["trailBps"], condition.get("persistSlots", DEFAULT_PERSIST_SLOTS)
        return Trigger(feed, "start", begin, persist, trail_bps=bps, extreme=extreme or NO_PRICE)
    if order_type == OrderType.LIMIT:
        assert limit_price is not None
        return Trigger(feed, "ge", limit_price, persist=0, rank=1)
    if order_type == OrderType.SNIPER:
        launch = launch_feed(condition["mint"], condition.get("venue"))
        depth = Decimal(condition.get("minDepthUsd", 0))
        return Trigger(launch, "launch", depth, persist=0, limit_price=limit_price)
    level, persist = Decimal(condition["price"]), condition.get("persistSlots", DEFAULT_PERSIST_SLOTS)
    if order_type == OrderType.STOP:
        return Trigger(feed, "le", level, persist)
    return Trigger(feed, "ge", level, persist, rank=1)


def trigger_again(
    order_type: str,
    feed: str,
    limit_price: Decimal | None,
    condition: Mapping[str, Any],
    slippage_bps: int,
    extreme: Decimal | None = None,
) -> Trigger:
    """What an order waits for that fired and was not filled because the price was lost: a quote at its size that
    reaches its floor, so that it takes no start in vain. `extreme`: at which a trailing stop fired.

    A stop stays due, wherever the price is by then. A take-profit waits for its own price as well. A sniper is a limit
    order from its launch on.
    """
    if order_type == OrderType.SNIPER:
        return trigger_of(OrderType.LIMIT, feed, limit_price, condition)
    if order_type != OrderType.TRAILING_STOP:
        level = Decimal(condition["price"])
    elif extreme is not None:
        level = trail_level(extreme, condition["trailBps"])
    else:  # it has not fired
        return trigger_of(order_type, feed, limit_price, condition)
    floor = floor_price(limit_price, level, slippage_bps)
    if order_type in (OrderType.STOP, OrderType.TRAILING_STOP):
        return Trigger(feed, "ge", floor, persist=0)
    return Trigger(feed, "ge", max(floor, level), persist=0, rank=1)


def compared(op: Op, prices: Sequence[Decimal]) -> Decimal:
    """The price that a price trigger is compared with, of the venues' mids in one slot: one thin pool fires nothing.

    Both of two venues have to meet the level, or the middle one of three.
    """
    ordered = sorted(prices)
    return ordered[len(ordered) // 2] if op == "le" else ordered[(len(ordered) - 1) // 2]


def price_for(trigger: Trigger, prices: Sequence[Decimal]) -> Decimal | None:
    """What this trigger is compared with; None: no venue has a price."""
    if not prices:
        return None
    if trigger.op == "start":  # once it follows the price it waits for a fall
        return compared("le" if trigger.extreme else "ge", prices)
    return compared(trigger.op, prices) if trigger.persist else max(prices)


def is_met(trigger: Trigger, price: Decimal) -> bool:
    if trigger.trail_bps is not None and trigger.extreme:
        return price <= trail_level(trigger.extreme, trigger.trail_bps)
    return price <= trigger.level if trigger.op == "le" else price >= trigger.level


def distance_bps(level: Decimal, price: Decimal, *, falls: bool = False) -> int:
    """How far the price has to rise, or to fall, to reach a level, in basis points of the price; 0: it is there.

    At most what every reader of JSON takes for an exact number.
    """
    if not price:
        return 0
    distance = max(Decimal(), EXACT.subtract(price, level) if falls else EXACT.subtract(level, price))
    return min(int(EXACT.divide_int(EXACT.multiply(distance, BPS), price)), MOST_IN_JSON)
