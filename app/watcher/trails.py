"""Follows the price with trailing stops, and fires those that it has left far enough behind.

A task of its own: however many kinds of trailing stops there are, stops and take-profits do not wait for them, and
however many stops a fall meets, no extreme is missed. Nor is one however many trailing stops it meets: after
LATE_SLOTS the extremes come first again. Only those kinds are looked at that the prices of the last slots can have
changed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial

from app.network import Network
from app.orders.queue.lanes import Lane
from app.orders.waiting.prices import MAX_AGE_SLOTS, Group, is_met, rise_of
from app.orders.waiting.trailing import Trail, TrailingStops
from app.watcher.announcer import Announcer
from app.watcher.pairs import min_venues, tokens
from app.watcher.recorder import Tick
from app.watcher.rounds import attempt
from app.watcher.slots import Slots

AT_ONCE = 4  # kinds: while one waits for Postgres, another is looked at
LATE_SLOTS = MAX_AGE_SLOTS // 2  # that wait; a price of MAX_AGE_SLOTS ago no longer raises an extreme
UNKNOWN = Decimal("Infinity")  # what this process did not see may have been higher than anything

Kind = tuple[str, int]  # the pair, and how many slots in a row count
Firsts = Mapping[tuple[str, str, int], Group]


class Trails:
    def __init__(self, store: TrailingStops, network: Network, announcer: Announcer) -> None:
        self._store = store
        self._network = network
        self._announcer = announcer
        self._slots = Slots()
        self.receive, self.behind = self._slots.receive, self._slots.behind
        self._rises: Mapping[Kind, deque[Decimal]] = {}  # of the last slots
        self._newest = -1

    async def run(self) -> None:
        await self._slots.compare(self._compare)

    async def _compare(self, tick: Tick) -> None:
        firsts = {(group.op, group.feed, group.persist): group for group in tick.groups}
        kinds = sorted({(feed, persist) for op, feed, persist in firsts if op in ("start", "extreme", "trail")})
        self._remember(tick, kinds)
        # First, and for all pairs: what is fired at this slot, and at later ones, needs the extremes of this one. If
        # that fails, the next slot takes in the prices of this one.
        changing = [kind for kind in kinds if self._may_change(kind, firsts)]
        # What the tick says was read as the slot was recorded: an earlier slot may have raised it since.
        levels = {(group.feed, group.persist): group.level for group in tick.groups if group.op == "trail"}

        async def follow(trail: Trail) -> None:
            """Postgres is asked for orders that may begin only where there are some."""
            begins = ("start", trail.feed, trail.persist) in firsts
            levels[trail.feed, trail.persist] = await self._store.follow(trail, tick.slot, begins=begins)

        await self._each(follow, changing)
        trails = [Group(feed, "trail", persist, level) for (feed, persist), level in sorted(levels.items())]
        left_behind = [(one.feed, one.persist) for one in trails if is_met(one, tick.rows[one.feed], tick.slot)]
        await self._each(partial(self._fire, tick), left_behind)

    async def _each(self, step: Callable[[Trail], Awaitable[None]], kinds: Sequence[Kind]) -> None:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(feed: str, persist: int) -> None:
            async with free:
                await attempt("trailing stops", step, Trail(feed, persist, self._min_venues(feed)))

        await asyncio.gather(*(one(*kind) for kind in kinds))

    async def _fire(self, tick: Tick, trail: Trail) -> None:
        token_in, token_out = tokens(self._network.markets, trail.feed)
        unit, more = Decimal(10) ** (token_out.decimals - token_in.decimals), True
        while more:
            backlog = await self._announcer.backlog(Lane.STOPS)
            fired = await self._store.fire(trail, tick.slot, unit=unit, backlog=backlog)
            await self._announcer.fired(fired, tick.at)
            more = bool(fired) and self._slots.waiting() < LATE_SLOTS  # the next slots fire what is still met

    def _min_venues(self, feed: str) -> int:
        return min_venues(self._network.markets, feed)

    def _remember(self, tick: Tick, kinds: list[Kind]) -> None:
        missed = [] if tick.slot == self._newest + 1 else [UNKNOWN]
        self._newest = tick.slot
        self._rises = {
            (feed, persist): deque(
                [
                    *self._rises.get((feed, persist), [UNKNOWN]),
                    *missed,
                    rise_of(tick.rows[feed], tick.slot, persist, min_venues=self._min_venues(feed)),
                ],
                MAX_AGE_SLOTS,
            )
            for feed, persist in kinds
        }

    def _may_change(self, kind: Kind, firsts: Firsts) -> bool:
        """Whether an order may begin to follow the price, or an extreme become higher."""
        top = max(self._rises[kind])
        lowest, first = firsts.get(("extreme", *kind)), firsts.get(("start", *kind))
        return (lowest is not None and lowest.level < top) or (first is not None and first.level <= top)
