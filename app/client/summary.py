"""The summary that `engine simulate` prints at its end."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from app.client.format import error_text
from app.client.simulation import SimulatedOrder

MAX_ROWS = 10  # orders listed below one heading


def summary(orders: Sequence[SimulatedOrder]) -> list[str]:
    """Counts by final status, time to confirm, the orders each venue won, and the orders that were not confirmed."""
    by_status = Counter(order.status for order in orders)
    count = "1 order" if len(orders) == 1 else f"{len(orders)} orders"
    lines = [f"{count}: {', '.join(f'{number} {status}' for status, number in by_status.most_common())}"]
    durations = [order.confirmed_after for order in orders if order.confirmed_after is not None]
    if durations:
        lines.append(f"time to confirm: p50 {median(durations):.3f} s, max {max(durations):.3f} s")
    wins: defaultdict[str, list[str]] = defaultdict(list)
    for order in orders:
        if order.confirmed_after is not None and order.last_event:
            wins[order.last_event.dex or "?"].append(_win(order))
    for venue, rows in sorted(wins.items()):
        lines += [f"{venue} won {len(rows)}", *_limited(rows)]
    if not_confirmed := [order for order in orders if order.confirmed_after is None]:
        lines += ["not confirmed", *_limited([_loss(order) for order in not_confirmed])]
    return lines


def _win(order: SimulatedOrder) -> str:
    price = f" at {order.last_event.price}" if order.last_event and order.last_event.price else ""
    reasons = "; ".join(order.routed.losing_quotes) if order.routed else ""
    return f"#{order.number}  {order.swap}{price}" + (f"  ({reasons})" if reasons else "")


def _loss(order: SimulatedOrder) -> str:
    reason = str(order.error) if order.error else error_text(order.last_event) if order.last_event else ""
    return f"#{order.number}  {order.swap}  {order.status}" + (f": {reason}" if reason else "")


def _limited(rows: Sequence[str]) -> Iterable[str]:
    yield from (f"  {row}" for row in rows[:MAX_ROWS])
    if len(rows) > MAX_ROWS:
        yield f"  … and {len(rows) - MAX_ROWS} more"
