"""What orders that wait should have done, in plain Python: by each recorded price, and by each order's own log.

Nothing of the engine decides here. An order is armed from each `open` event to the event after it. For each such time
the model compares every recorded slot with the order's terms, one after the other.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import permutations

from tests.chaos.waiting.findings import Findings
from tests.chaos.waiting.orders import COMMIT, Armed, Event, Order, Price, Terms
from tests.chaos.waiting.snipers import Quote, Snipers
from tests.chaos.waiting.trails import Trails, level_of

LATE = timedelta(seconds=1)  # for which a price that has met an order may be followed by something else
SETTLING = timedelta(seconds=3)  # from the end of a leg to when its group is free
MARGIN = Fraction(1002, 1000)  # a quote so far beyond the floor that an order put aside is looked at again
MAX_AGE_SLOTS = 10
LONGEST_ASIDE = timedelta(seconds=60)
HEARD_AFTER_SLOTS = 3  # of a move of the market, on a busy machine


class Model:
    """`outages`: times in which no watcher may have lived."""

    def __init__(
        self,
        prices: Mapping[str, Sequence[Price]],
        quote: Quote,
        *,
        slot_seconds: float,
        outages: Sequence[tuple[datetime, datetime]] = (),
    ) -> None:
        self._prices = {feed: sorted(found, key=lambda price: price.slot) for feed, found in prices.items()}
        self._by_slot = {feed: {price.slot: price for price in found} for feed, found in prices.items()}
        self._trails = Trails(self._prices, self._by_slot, outages)
        self._snipers = Snipers(quote, outages)
        self._quote = quote
        self._max_age = timedelta(seconds=MAX_AGE_SLOTS * slot_seconds)
        self._outages = outages

    def judge(self, orders: Sequence[Order]) -> Findings:
        findings = Findings(orders=len(orders))
        groups: dict[str, list[Order]] = {}
        by_id = {order.id: order for order in orders}
        for order in orders:
            if order.group is not None:
                groups.setdefault(order.group, []).append(order)
        for order in orders:
            siblings = [other for other in groups.get(order.group or "", []) if other is not order]
            self._judge_log(order, siblings, findings)
            entry = by_id[order.entry] if order.entry else None
            self._judge_floors(order, entry, findings)
            if entry is not None:
                self._judge_entered(order, entry, findings)
            for armed in order.armed():
                self._judge_armed(order, armed, siblings, findings)
        for name, legs in groups.items():
            self._judge_group(name, legs, findings)
        return findings

    def _judge_log(self, order: Order, siblings: Sequence[Order], findings: Findings) -> None:
        before = ""
        for event in order.events:
            if event.fires and before != "open":
                findings.problems["twice"].append(f"{order.id} fired while {before}")
            before = event.status
            code = event.details.get("code")
            findings.rearmed += code == "rearmed"
            if event.status == "expired" and not (order.expires_at and event.at >= order.expires_at):
                if code != "not_marketable" or not order.at_once:
                    findings.problems["wrong"].append(f"{order.id} expired before its time")
                elif self._was_marketable(order, order.armed()[-1], event.at):
                    findings.problems["wrong"].append(f"{order.id} was refused, but each price met it")
            if event.status == "cancelled" and code == "owner" and not order.cancel_asked:
                findings.problems["wrong"].append(f"{order.id} was cancelled by nobody")
            if code == "sibling_filled" and not any(other.filled_by(event.at) for other in siblings):
                findings.problems["groups"].append(f"{order.id} was cancelled, but no sibling was filled by then")
        if len(order.fills) > 1:
            findings.problems["twice"].append(f"{order.id} was filled {len(order.fills)} times")

    def _was_marketable(self, order: Order, armed: Armed, until: datetime) -> bool:
        """Whether no recorded price can have been the reason to refuse an order that was to be filled at once."""
        seen = [price for price in self._prices.get(order.feed, []) if armed.since - COMMIT <= price.at <= until]
        return bool(seen) and all(price.known and self._meets(order, armed, price.slot, MARGIN) for price in seen)

    def _judge_entered(self, order: Order, entry: Order, findings: Findings) -> None:
        """Of a bracket: it is armed by the fill of its entry, and by nothing else."""
        end, armed = entry.events[-1], order.armed()
        filled = end.status == "confirmed"
        if any(event.fires for event in order.events) and not armed:
            findings.problems["groups"].append(f"{order.id} fired before its entry was filled")
        if armed and not (filled and end.at <= armed[0].since):
            findings.problems["groups"].append(f"{order.id} was armed, but its entry was not filled by then")
        if armed and order.amount_in != entry.amount_out:
            findings.problems["wrong"].append(f"{order.id} swaps {order.amount_in}, its entry gave {entry.amount_out}")
        ended = order.events[-1]
        if filled and not armed and (ended.details.get("code") != "owner" or ended.at > end.at + SETTLING):
            findings.problems["missed"].append(f"{order.id} was not armed after the fill of its entry")
        if ended.details.get("code") == "parent_ended" and (filled or end.at > ended.at):
            findings.problems["groups"].append(f"{order.id} was cancelled, but its entry had not ended unfilled")

    def _judge_floors(self, order: Order, entry: Order | None, findings: Findings) -> None:
        armed = order.armed()
        if not armed or (armed[-1].terms.kind == "sniper" and not order.limit_out):
            return  # its entry was not filled, or its token is not traded
        # Of a bracket the floor of the least that the entry may bring is scaled to what it brought, rounded up twice.
        least = Terms.of(entry.body, entry.amount_in, entry.decimals).floor if entry else 0
        above = order.limit_out - armed[-1].terms.floor
        if not 0 <= above <= (order.amount_in // least + 2 if least else 0):
            findings.problems["below"].append(f"{order.id} keeps {order.limit_out}, asked for {armed[-1].terms.floor}")
        for at, units in [*order.floors, *order.fills]:
            floor = [one.terms.floor for one in armed if one.since <= at][-1]
            if units < floor:
                findings.problems["below"].append(f"{order.id}: {units} at {at:%T.%f}, floor {floor}")

    def _judge_armed(self, order: Order, armed: Armed, siblings: Sequence[Order], findings: Findings) -> None:
        if armed.terms.kind == "sniper":
            return self._snipers.judge(order, armed, findings)
        certain = [price for price in self._met(order, armed) if self._counts(order, armed, price, siblings)]
        fired = armed.end if armed.end and armed.end.fires else None
        if fired is None:
            if left := [price for price in certain if self._could_fire(order, armed, price, armed.until)]:
                why = armed.end.status if armed.end else "the end"
                text = f"{order.id} ({armed.terms.kind}) met at slot {left[0].slot}, {len(left)} in all, until {why}"
                findings.problems["missed"].append(text + self._story(order, armed, left[0]))
            return
        findings.fired += 1
        slot = fired.details["trigger"]["slot"]
        if problem := self._early(order, armed, fired):
            findings.problems["early"].append(f"{order.id} ({armed.terms.kind}) at slot {slot}: {problem}")
        elif late := [one for one in certain if self._steps(order.feed, one.slot, slot) > 1][:1]:
            if not self._could_fire(order, armed, late[0], None):
                return
            # A limit may be put aside for seconds by a watcher that saw another price: it is late then, and not lost.
            if armed.terms.persist == 0:
                findings.late += 1
                return
            text = f"{order.id} ({armed.terms.kind}) met at slot {late[0].slot}, fired at {slot}"
            findings.problems["missed"].append(text + self._story(order, armed, late[0]))
        findings.exactly += bool(certain) and slot <= certain[0].slot

    def _story(self, order: Order, armed: Armed, price: Price) -> str:
        seen = self._trails.seen(order, armed, price.slot)
        rise = "" if seen is None else f", seen {float(seen.low)} to {float(seen.high)}"
        return f"{order.story()}\n      model: {float(price.low)} to {float(price.high)} at {price.at:%T.%f}{rise}"

    def _met(self, order: Order, armed: Armed, margin: Fraction = MARGIN) -> list[Price]:
        """The recorded prices that meet it from when it may fire to when it no longer could."""
        prices = self._prices.get(order.feed, [])
        first = bisect_left(prices, armed.since + armed.wait, key=lambda price: price.at)
        found = []
        for price in prices[first:]:
            if armed.until is not None and price.at >= armed.until:
                break
            if self._meets(order, armed, price.slot, margin):
                found.append(price)
        return found

    def _meets(self, order: Order, armed: Armed, slot: int, margin: Fraction) -> bool:
        terms = armed.terms
        prices = [self._by_slot.get(order.feed, {}).get(slot - back) for back in range(max(terms.persist, 1))]
        known = [price for price in prices if price is not None]
        if len(known) < len(prices):
            return False  # a gap
        if terms.persist == 0:
            quoted = self._quote(order, slot) if known[0].best >= terms.level else None
            return quoted is not None and quoted >= terms.floor * margin
        if terms.kind == "trailing_stop":
            seen = self._trails.seen(order, armed, slot)
            return seen is not None and all(price.high <= level_of(seen.low, terms) for price in known)
        if terms.kind == "stop":
            return all(price.high <= terms.level for price in known)
        return all(price.low >= terms.level for price in known)

    def _counts(self, order: Order, armed: Armed, price: Price, siblings: Sequence[Order]) -> bool:
        """Whether every watcher could see that the order was armed, alive and not held when this price was recorded."""
        after_group = SETTLING if siblings and armed.wait else timedelta()
        if price.at < armed.since + armed.wait + COMMIT + after_group:
            return False
        if order.expires_at is not None and price.at > order.expires_at - COMMIT:
            return False
        if any(since <= price.at <= until for since, until in self._outages):
            return False
        if armed.terms.persist == 0 and (not price.known or price.best < self._aside(order, armed, price)):
            return False
        spans = [span for other in siblings for span in other.under_way()]
        return not any(s - COMMIT <= price.at and (e is None or price.at <= e + SETTLING) for s, e in spans)

    def _aside(self, order: Order, armed: Armed, price: Price) -> Fraction:
        """The mid from which it is quoted again, if a quote at its size has said no before. Then it was put aside."""
        levels = [armed.terms.level]
        for earlier in self._prices[order.feed]:
            if earlier.slot >= price.slot:
                break
            if earlier.at < max(armed.since, price.at - LONGEST_ASIDE) or earlier.best < armed.terms.level:
                continue
            # A watcher that has not heard of a move yet quotes at the price of before.
            quotes = [self._quote(order, earlier.slot - back) for back in range(HEARD_AFTER_SLOTS + 1)]
            quoted = min((one for one in quotes if one is not None), default=None) if earlier.known else 1
            if quoted is not None and quoted < armed.terms.floor:
                levels.append(Fraction(earlier.best) * armed.terms.floor / quoted)
        return max(levels)

    def _could_fire(self, order: Order, armed: Armed, price: Price, until: datetime | None) -> bool:
        """Whether there was a slot after it, and time enough. A quote has to be good at that slot too, and what fires a
        trailing stop: another watcher may have raised what it has seen by then.
        """
        after = [one for one in self._prices[order.feed] if one.slot > price.slot][:1]
        if not after or (until is not None and after[0].at + LATE > until):
            return False
        at_once = armed.terms.persist > 0 and armed.terms.kind != "trailing_stop"
        return at_once or self._meets(order, armed, after[0].slot, MARGIN)

    def _early(self, order: Order, armed: Armed, fired: Event) -> str | None:
        trigger, terms = fired.details["trigger"], armed.terms
        price = self._by_slot.get(order.feed, {}).get(trigger["slot"])
        if price is None:
            return "not recorded"
        if terms.kind == "trailing_stop":
            if problem := self._trails.early(order, armed, price.slot, fired):
                return problem
        elif price.known and not self._meets(order, armed, price.slot, Fraction(1)):
            return f"not met at {float(terms.level)}"
        if fired.at < armed.since + armed.wait:
            return "before its wait was over"
        if price.at < armed.since:
            return f"its price is {armed.since - price.at} older than the order"
        if fired.at - price.at > self._max_age:
            return f"its price was {fired.at - price.at} old"
        if order.expires_at is not None and fired.at > order.expires_at:
            return "after its time"
        if terms.kind != "trailing_stop" and Fraction(trigger["level"]) != terms.level:
            return f"its level is {float(terms.level)}, not {trigger['level']}"
        return None

    def _steps(self, feed: str, earlier: int, later: int) -> int:
        """How many recorded slots later."""
        return sum(earlier < price.slot <= later for price in self._prices[feed])

    def _judge_group(self, name: str, legs: Sequence[Order], findings: Findings) -> None:
        if sum(len(leg.fills) for leg in legs) > 1:
            findings.problems["groups"].append(f"{name} has more than one fill")
        for leg, other in permutations(legs, 2):
            for since, _ in leg.under_way():
                if any(s < since and (e is None or since < e) for s, e in other.under_way()):
                    findings.problems["groups"].append(f"{name}: {leg.id} fired while {other.id} was under way")
