"""What trailing stops have seen: the highest price that all venues were at, slot by slot."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from tests.chaos.waiting.orders import COMMIT, Armed, Event, Order, Price, Seen, Terms

ROUNDED = Fraction(1, 10**17)


def level_of(seen: Fraction, terms: Terms) -> Fraction:
    """Where a trailing stop fires."""
    return seen * (10_000 - terms.trail_bps) / 10_000


class Trails:
    def __init__(
        self,
        prices: Mapping[str, Sequence[Price]],
        by_slot: Mapping[str, Mapping[int, Price]],
        outages: Sequence[tuple[datetime, datetime]],
    ) -> None:
        self._prices = prices
        self._by_slot = by_slot
        self._outages = outages
        self._found: dict[str, dict[datetime, Mapping[int, Seen]]] = {}  # order → since when it is armed → by slot

    def seen(self, order: Order, armed: Armed, slot: int) -> Seen | None:
        """What it has seen by the prices of this slot; None: it does not follow the price yet."""
        if order.id not in self._found:
            self._found[order.id] = dict(self._walk(order))
        return self._found[order.id].get(armed.since, {}).get(slot)

    def early(self, order: Order, armed: Armed, slot: int, fired: Event) -> str | None:
        """What is wrong with the highest price and the level at which it fired."""
        seen, terms = self.seen(order, armed, slot), armed.terms
        extreme, level = (Fraction(fired.details["trigger"][name]) for name in ("extreme", "level"))
        if seen is None or not seen.low - ROUNDED <= extreme <= seen.high + ROUNDED:
            bounds = None if seen is None else (float(seen.low), float(seen.high))
            return f"the highest it has seen is {bounds}, not {float(extreme)}"
        if not 0 <= level_of(extreme, terms) - level < ROUNDED:
            return f"its level is {float(level_of(extreme, terms))}, not {float(level)}"
        prices = [self._by_slot[order.feed].get(slot - back) for back in range(terms.persist)]
        if any(one is None or one.high > level_of(extreme, terms) for one in prices):
            return f"not met at {float(level)}"
        return None

    def _walk(self, order: Order) -> Iterator[tuple[datetime, Mapping[int, Seen]]]:
        """For each time during which it may fire: what it has seen, at least and at most; 0: it may not follow yet.

        An amended order goes on from what it has seen. A price just before that, or while no watcher may have lived,
        may or may not have counted.
        """
        before = order.seen
        for armed in order.armed():
            if armed.terms.kind != "trailing_stop":
                continue
            found, low, high, kept = dict[int, Seen](), before.low, before.high, before.low
            for price in self._prices.get(order.feed, []):
                if armed.until is not None and price.at > armed.until:
                    break
                rise = self._rise(order.feed, price.slot, armed.terms.persist)
                if rise is None or price.at < armed.since:
                    continue
                if high or rise >= armed.terms.level:
                    high = max(high, rise)
                if (low or rise >= armed.terms.level) and not self._lost(price):
                    low = max(low, rise)
                    if armed.until is None or price.at <= armed.until - COMMIT:
                        kept = low
                if high:
                    found[price.slot] = Seen(low, high)
            yield armed.since, found
            before = Seen(kept, high)
            if armed.end is not None and armed.end.fires:
                extreme = Fraction(armed.end.details["trigger"]["extreme"])
                before = Seen(extreme, extreme)

    def _lost(self, price: Price) -> bool:
        return any(since <= price.at <= until for since, until in self._outages)

    def _rise(self, feed: str, slot: int, persist: int) -> Fraction | None:
        known = [self._by_slot[feed].get(slot - back) for back in range(persist)]
        return None if None in known else min(price.low for price in known if price is not None)
