"""Follows the price with trailing stops, and fires those that it has left far enough behind.

A task of its own: however many kinds of trailing stops there are, stops and take-profits do not wait for them, and
however many stops a fall meets, no extreme is missed. Only those kinds are looked at that the prices of the last slots
can have changed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal

from app.network import Network
from app.orders.queue.lanes import Lane
from app.orders.waiting.prices import MAX_AGE_SLOTS, Group, rise_of
from app.orders.waiting.trailing import Trail, TrailingStops
from app.orders.waiting.triggers import Moved
from app.watcher.announcer import Announcer
from app.watcher.pairs import min_venues, tokens
from app.watcher.recorder import Tick
from app.watcher.rounds import attempt
from app.watcher.slots import Slots

AT_ONCE = 4  # kinds: while one waits for Postgres, another is looked at
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
        begun = {
            kind for kind, has in zip(changing, await self._each(self._follow, changing, tick), strict=True) if has
        }
        left_behind = {(group.feed, group.persist) for group in tick.met() if group.op == "trail"}
        await self._each(self._fire, sorted(begun | left_behind), tick)

    async def _each(
        self, step: Callable[[Trail, Tick], Awaitable[bool | None]], kinds: Sequence[Kind], tick: Tick
    ) -> list[bool]:
        """What each step says; of one that failed false."""
        free = asyncio.Semaphore(AT_ONCE)

        async def one(feed: str, persist: int) -> bool:
            trail = Trail(feed, persist, min_venues(self._network.markets, feed))
            async with free:
                return await attempt("trailing stops", step(trail, tick))

        return await asyncio.gather(*(one(*kind) for kind in kinds))

    async def _follow(self, trail: Trail, tick: Tick) -> bool:
        """Whether orders have begun to follow the price."""
        begins = any((one.op, one.feed, one.persist) == ("start", trail.feed, trail.persist) for one in tick.groups)
        return await self._store.follow(trail, tick.slot, begins=begins) > 0

    async def _fire(self, trail: Trail, tick: Tick) -> None:
        token_in, token_out = tokens(self._network.markets, trail.feed)
        unit = Decimal(10) ** (token_out.decimals - token_in.decimals)
        fired: list[Moved] | None = None
        while fired is None or fired:
            backlog = await self._announcer.backlog(Lane.STOPS)
            fired = await self._store.fire(trail, tick.slot, unit=unit, backlog=backlog)
            await self._announcer.fired(fired, tick.at)

    def _remember(self, tick: Tick, kinds: list[Kind]) -> None:
        missed = [] if tick.slot == self._newest + 1 else [UNKNOWN]
        self._newest = tick.slot
        self._rises = {
            (feed, persist): deque(
                [*self._rises.get((feed, persist), [UNKNOWN]), *missed, rise_of(tick.rows[feed], tick.slot, persist)],
                MAX_AGE_SLOTS,
            )
            for feed, persist in kinds
        }

    def _may_change(self, kind: Kind, firsts: Firsts) -> bool:
        """Whether an order may begin to follow the price, or an extreme become higher."""
        top = max(self._rises[kind])
        lowest, first = firsts.get(("extreme", *kind)), firsts.get(("start", *kind))
        return (lowest is not None and lowest.level < top) or (first is not None and first.level <= top)
