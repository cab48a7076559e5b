"""Records the price of every pair that orders wait for, once in each slot.

The slot is that of the clock of Postgres, as the chain reads it. Every watcher does this; the first one in a slot
writes the price, and all compare with what was written. A watcher that was late, or has just begun, also compares the
slots that it did not see: the one that recorded them may have died before it compared them.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.network import Network
from app.orders.waiting.prices import MAX_AGE_SLOTS, Group, Price, PriceStore, Recorded, is_met
from app.postgres import DatabaseUnavailable
from app.tasks import count_failure

log = logging.getLogger("engine.watcher")

LATE_SECONDS = 0.002  # beyond the beginning of a slot: timers are a little early
MIN_SLEEP = 0.005  # seconds
IDLE_SECONDS = 1.0  # between looks while no order waits for a price
RETRY_SECONDS = 0.25  # while Postgres is down, or has another schema
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


class Recorder:
    def __init__(self, store: PriceStore, network: Network, hand_on: Sequence[Callable[[Tick], None]]) -> None:
        self._store = store
        self._network = network
        self._hand_on = hand_on
        self._slot = -1  # the last one that was handed on
        self._needed = True  # an order waits for a price
        self._ahead_since: float | None = None

    async def run(self, may_run: Callable[[], bool]) -> None:
        while True:
            began = time.monotonic()
            try:
                now = await self.tick() if may_run() else None
            except DatabaseUnavailable as error:
                log.warning("the watcher waits for Postgres", extra={"error": repr(error.__cause__)})
                now = None
            if now is None:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            seconds = self._network.slot_seconds
            rest = seconds - now.timestamp() % seconds - (time.monotonic() - began)
            await asyncio.sleep(max(rest + LATE_SECONDS, MIN_SLEEP if self._needed else IDLE_SECONDS))

    async def tick(self) -> datetime:
        """Record the prices of this slot, unless this was done. Returns the clock of Postgres when it began."""
        now, found, is_ahead = await self._store.groups()
        await self._forget_future(is_ahead)
        groups = [group for group in found if self._is_listed(group.feed)]
        slot, self._needed = self._network.slot_at(now), bool(groups)
        if slot != self._slot:
            first = slot if slot < self._slot else max(self._slot + 1, slot - MAX_AGE_SLOTS + 1)
            rows = await self._record(slot, first, now, groups) if groups else {}
            for each in range(first, slot + 1):
                at = min((of[each].at for of in rows.values() if each in of), default=None)
                if at is not None or each == slot:
                    self._hand_on_all(Tick(each, at or now, groups, rows))
            self._slot = slot
        return now

    def _hand_on_all(self, tick: Tick) -> None:
        for receive in self._hand_on:
            receive(tick)

    async def _record(
        self, slot: int, first: int, now: datetime, groups: Sequence[Group]
    ) -> Mapping[str, Mapping[int, Recorded]]:
        feeds = sorted({group.feed for group in groups})
        prices = {feed: price for feed in feeds if (price := self._price(feed, slot)) is not None}
        await self._store.record(prices, slot, now)
        slots = slot - first + max(1, *(group.persist for group in groups))
        return await self._store.recorded(feeds, slot, slots=slots)

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
