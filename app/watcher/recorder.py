"""Records the price of every pair that orders wait for, once in each slot.

The slot is that of the clock of Postgres, as the chain reads it. Every watcher does this; the first one in a slot
writes the price, and all compare with what was written. A watcher that was late, or has just begun, also compares the
slots that it did not see: the one that recorded them may have died before it compared them.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from app import metrics
from app.network import Network
from app.orders.waiting.prices import MAX_AGE_SLOTS, Found, Group, Price, PriceStore, Recorded, is_met
from app.postgres.errors import DatabaseUnavailable
from app.tasks import count_failure

log = logging.getLogger("engine.watcher")

LATE_SECONDS = 0.002  # beyond the beginning of a slot: timers are a little early
MIN_SLEEP = 0.005  # seconds
IDLE_SECONDS = 1.0  # between looks while no order waits for a price
RETRY_SECONDS = 0.25  # while Postgres is down, or has another schema
ANSWERS = 10  # of the clock that are remembered
AHEAD_SECONDS = 10.0  # after which prices ahead of the clock are forgotten


@dataclass(frozen=True, slots=True)
class Tick:
    """One slot: what orders wait for, and the recorded prices."""

    slot: int
    at: datetime  # on the clock of Postgres
    groups: Sequence[Group]  # of the pairs that are listed
    rows: Mapping[str, Mapping[int, Recorded]] = field(default_factory=dict)

    def met(self) -> list[Group]:
        """The groups of which at least one order is met."""
        return [group for group in self.groups if is_met(group, self.rows[group.feed], self.slot)]


class Clock:
    """Estimates the clock of Postgres from that of this process.

    Postgres reads its clock between our question and its answer, so each answer gives a least and a greatest
    difference. The narrowest bounds of the last answers are used: a slow answer does no harm.
    """

    def __init__(self) -> None:
        nothing = -time.monotonic()
        self._answers = deque([(nothing, nothing)], maxlen=ANSWERS)  # the least and the greatest difference
        self.was_set = True  # the last answer contradicts those before: one of the clocks was set

    def latest(self) -> datetime:
        """The latest that it can show now."""
        return datetime.fromtimestamp(time.monotonic() + min(most for _, most in self._answers), UTC)

    def earliest(self) -> datetime:
        """The earliest that it can show now."""
        return datetime.fromtimestamp(time.monotonic() + max(least for least, _ in self._answers), UTC)

    async def ask(self, question: Callable[[], Awaitable[Found]]) -> Found:
        asked = time.monotonic()
        found = await question()
        least, most = found.now.timestamp() - time.monotonic(), found.now.timestamp() - asked
        self.was_set = any(least > other_most or most < other_least for other_least, other_most in self._answers)
        if self.was_set:
            self._answers.clear()
        self._answers.append((least, most))
        return found


class Recorder:
    def __init__(self, store: PriceStore, network: Network, hand_on: Sequence[Callable[[Tick], None]]) -> None:
        self._store = store
        self._network = network
        self._hand_on = hand_on
        self._slot = -1  # the last one that was handed on
        self._clock = Clock()
        self._feeds: set[str] = set()  # the listed pairs that orders wait for
        self._asked = self._feeds  # those of which prices were recorded and read
        self._most_persist = 1  # slots in a row that are compared
        self._ahead_since: float | None = None

    async def run(self, may_run: Callable[[], bool]) -> None:
        while True:
            try:
                now = await self.tick() if may_run() else None
            except DatabaseUnavailable as error:
                log.warning("the watcher waits for Postgres", extra={"error": repr(error.__cause__)})
                now = None
            if now is None:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            seconds = self._network.slot_seconds
            rest = seconds - self._clock.latest().timestamp() % seconds
            await asyncio.sleep(max(rest + LATE_SECONDS, MIN_SLEEP if self._feeds else IDLE_SECONDS))

    async def tick(self) -> datetime:
        """Record the prices of this slot, unless this was done. Returns the clock of Postgres."""
        slot, found = await self._ask()
        if self._clock.was_set or any(self._is_listed(one.feed) for one in found.groups if one.feed not in self._asked):
            slot, found = await self._ask()  # the first tick, a pair that is new, or the clock was set
        await self._forget_future(found.is_ahead)
        groups = [group for group in found.groups if group.feed in self._asked]
        if slot != self._slot:
            for each in range(self._first(slot), slot + 1):
                at = min((of[each].at for of in found.rows.values() if each in of), default=None)
                if at is not None or each == slot:
                    self._hand_on_all(Tick(each, at or found.now, groups, found.rows))
                elif groups:
                    metrics.SLOTS_SKIPPED.inc()
            self._slot = slot
        return found.now

    async def _ask(self) -> tuple[int, Found]:
        slot, at = self._network.slot_at(self._clock.latest()), self._clock.earliest()
        self._asked = self._feeds
        prices = {feed: self._price(feed, slot) for feed in sorted(self._asked)}
        slots = slot - self._first(slot) + self._most_persist
        found = await self._clock.ask(partial(self._store.tick, prices, slot, at, slots=slots))
        self._feeds = {group.feed for group in found.groups if self._is_listed(group.feed)}
        # Of trailing stops also the slot before: see `_remember` in `trails.py`.
        self._most_persist = max([1, *(one.persist + (one.op in ("start", "extreme")) for one in found.groups)])
        return slot, found

    def _first(self, slot: int) -> int:
        """The first slot that was not handed on yet."""
        return slot if slot < self._slot else max(self._slot + 1, slot - MAX_AGE_SLOTS + 1)

    def _hand_on_all(self, tick: Tick) -> None:
        for receive in self._hand_on:
            receive(tick)

    def _is_listed(self, feed: str) -> bool:
        """Not if a token is no longer traded, or if this process has not heard of it yet."""
        return all(self._network.markets.find(symbol) for symbol in feed.split("/"))

    def _price(self, feed: str, slot: int) -> Price | None:
        token_in, token_out = map(self._network.markets.token, feed.split("/"))
        try:
            return Price.of(self._network.mids(token_in, token_out, slot).values())
        except Exception:  # the other pairs have a price
            count_failure("prices")
            return None

    async def _forget_future(self, is_ahead: bool) -> None:
        """While recorded prices are ahead of the clock nothing fires. It may catch up; if it does not, begin anew."""
        if not is_ahead:
            self._ahead_since = None
        elif self._ahead_since is None:
            self._ahead_since = time.monotonic()
            log.warning("the clock of Postgres was set back: nothing fires until it has caught up")
        elif time.monotonic() - self._ahead_since > AHEAD_SECONDS:
            deleted = await self._store.delete_ahead()
            log.warning("the clock of Postgres stays set back: prices begin anew", extra={"deleted": deleted})
            self._ahead_since = None
