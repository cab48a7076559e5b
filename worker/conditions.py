"""What an order accepts at this start, and what it waits for again if that was not to be had."""

from app.dex import amounts
from app.orders.conditions import OrderType, Trigger, feed_of, trigger_again
from app.orders.model import Order
from app.orders.waiting.statements import DAY_LIMIT, DAY_LIMIT_ASIDE

# Codes of attempts that ended because the price was lost. An order with a condition then waits for it again.
PRICE_LOST = frozenset({"slippage_exceeded", "tx_dropped", "blockhash_expired"})
# The limits of its day are used up. It is not to be lost because of other orders.
USED_UP = frozenset({DAY_LIMIT})
# Nobody answered, and nothing was sent. After its last attempt it waits again: a stop is not to be lost with a venue.
UNREACHED = frozenset({"venue_unavailable", "rpc_timeout"})
# This worker has not heard of the launch yet. A sniper waits for its price then.
NOT_HEARD = "unsupported_pair"
MAX_REARMS = 1_000  # an order that waited again so often is retried like others, and fails: each time adds to its log
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0


def floor_of(order: Order, quoted: int, max_slippage_bps: int) -> int:
    """The least amount the order accepts. It follows from the quote of this attempt: if the price has risen since an
    earlier one, the floor of that one is too low, and a trade just before ours could take the difference.

    It is never below `limit_out`, nor, for a market order, below that of its first signed swap: a quote that was too
    low to be signed leaves no low floor.
    """
    of_quote = amounts.minimum_out(quoted, min(order.slippage_bps, max_slippage_bps))
    if order.limit_out is not None:
        return max(order.limit_out, of_quote)
    agreed = order.min_amount_out if order.floor_out is None else order.floor_out
    return max(of_quote, agreed or 0)


def waits_again(order: Order, code: str, *, is_last: bool) -> bool:
    """`is_last`: no attempt follows by itself."""
    not_heard = code == NOT_HEARD and order.type == OrderType.SNIPER
    lost = code in PRICE_LOST or not_heard or (is_last and code in UNREACHED)
    return order.condition is not None and (code in USED_UP or (lost and order.rearms < MAX_REARMS))


def condition_again(order: Order) -> Trigger:
    feed = feed_of(order.token_in, order.token_out)
    what = order.type, feed, order.limit_price, order.condition or {}
    return trigger_again(*what, order.slippage_bps, order.extreme)


def wait_before(rearms: int, code: str) -> float:
    """Seconds until it may fire again, which double each time. A day that is used up is not asked for every minute."""
    if code in USED_UP:
        return DAY_LIMIT_ASIDE
    return min(FIRST_WAIT_SECONDS * 2.0 ** min(rearms, 10), LONGEST_WAIT_SECONDS)
