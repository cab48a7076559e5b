"""Follows the price with trailing stops, and fires those that it has left far enough behind.

A task of its own: however many kinds of trailing stops there are, stops and take-profits do not wait for them. Only
those kinds are looked at that the prices of the last slots can have changed. Each kind goes through the slots by
itself, so one of which a fall meets thousands holds up no other one. What a slot has met is fired for as long as its
price counts, also if the price has turned since; meanwhile the extremes are raised every LATE_SLOTS, so none is missed.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Collection, Mapping
from dataclasses import replace
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

AT_ONCE = 4  # statements, of as many kinds: while one waits for Postgres, another kind is looked at
LATE_SLOTS = MAX_AGE_SLOTS // 2  # a price of MAX_AGE_SLOTS ago no longer raises an extreme
UNKNOWN = Decimal("Infinity")  # what this process did not see may have been higher than anything

Kind = tuple[str, int]  # the pair, and how many slots in a row count
Groups = Mapping[str, Group]  # those of one kind by their op


class Trails:
    def __init__(self, store: TrailingStops, network: Network, announcer: Announcer) -> None:
        self._store = store
        self._network = network
        self._announcer = announcer
        self._slots = Slots()
        self.receive = self._slots.receive
        self._kinds: dict[Kind, Slots] = {}  # those that have slots to compare
        self._free = asyncio.Semaphore(AT_ONCE)
        self._rises: dict[Kind, deque[Decimal]] = {}  # of the last slots
        self._newest = -1

    def behind(self) -> float:
        return max(slots.behind() for slots in (self._slots, *self._kinds.values()))

    async def run(self) -> None:
        self._kinds.clear()
        async with asyncio.TaskGroup() as tasks:
            await self._slots.compare(partial(self._hand_on, tasks))

    async def _hand_on(self, tasks: asyncio.TaskGroup, tick: Tick) -> None:
        kinds: defaultdict[Kind, dict[str, Group]] = defaultdict(dict)
        for group in tick.groups:
            if group.op in ("start", "extreme", "trail"):
                kinds[group.feed, group.persist][group.op] = group
        self._remember(tick, kinds)
        for kind, groups in kinds.items():
            slots = self._kinds.get(kind)
            if slots is None and (self._may_change(kind, groups) or _is_left_behind(groups.get("trail"), tick)):
                slots = self._kinds[kind] = Slots()
                tasks.create_task(self._compare_all(kind, slots))
            if slots is not None:
                slots.receive(replace(tick, groups=[*groups.values()]))

    async def _compare_all(self, kind: Kind, slots: Slots) -> None:
        try:
            await slots.compare_waiting(partial(attempt, "trailing stops", self._compare, kind, slots))
        finally:
            self._kinds.pop(kind, None)

    async def _compare(self, kind: Kind, slots: Slots, tick: Tick) -> None:
        """What is fired at this slot, and at later ones, needs the extremes of this one first."""
        feed, persist = kind
        trail = Trail(feed, persist, self._min_venues(feed))
        first, followed = await self._follow(trail, tick), tick.slot
        more = _is_left_behind(first, tick)
        while more:
            more = await self._fire(trail, tick)
            if more and (newest := slots.newest()) and newest.slot - followed >= LATE_SLOTS:
                await self._follow(trail, newest)
                followed = newest.slot

    async def _follow(self, trail: Trail, tick: Tick) -> Group | None:
        """Returns the one that a fall meets first. If this fails, the next slot takes in the prices of this one."""
        groups = {group.op: group for group in tick.groups}

        async def follow() -> None:
            """Postgres is asked for orders that may begin only where there are some."""
            async with self._free:
                level = await self._store.follow(trail, tick.slot, begins="start" in groups)
            # What the tick says was read as the slot was recorded: an earlier slot may have raised it since.
            groups["trail"] = Group(trail.feed, "trail", trail.persist, level)

        if self._may_change((trail.feed, trail.persist), groups):
            await attempt("trailing stops", follow)
        return groups.get("trail")

    async def _fire(self, trail: Trail, tick: Tick) -> bool:
        """Whether any was fired: then there may be more, unless the price is too old by now."""
        token_in, token_out = tokens(self._network.markets, trail.feed)
        unit = Decimal(10) ** (token_out.decimals - token_in.decimals)
        async with self._free:
            backlog = await self._announcer.backlog(Lane.STOPS)
            fired = await self._store.fire(trail, tick.slot, unit=unit, backlog=backlog)
            await self._announcer.fired(fired, tick.at)
        return bool(fired)

    def _min_venues(self, feed: str) -> int:
        return min_venues(self._network.markets, feed)

    def _remember(self, tick: Tick, kinds: Collection[Kind]) -> None:
        """Also of the slot before: another watcher may have recorded it since this one compared it."""
        missed, self._newest = tick.slot != self._newest + 1, tick.slot
        self._rises = {kind: self._rises.get(kind) or deque([UNKNOWN], MAX_AGE_SLOTS) for kind in kinds}
        for (feed, persist), rises in self._rises.items():
            rise = partial(rise_of, tick.rows[feed], persist=persist, min_venues=self._min_venues(feed))
            rises[-1] = UNKNOWN if missed else max(rises[-1], rise(tick.slot - 1))
            rises.append(rise(tick.slot))

    def _may_change(self, kind: Kind, groups: Groups) -> bool:
        """Whether an order may begin to follow the price, or an extreme become higher."""
        top = max(self._rises.get(kind, [UNKNOWN]))
        lowest, first = groups.get("extreme"), groups.get("start")
        return (lowest is not None and lowest.level < top) or (first is not None and first.level <= top)


def _is_left_behind(first: Group | None, tick: Tick) -> bool:
    return first is not None and is_met(first, tick.rows[first.feed], tick.slot)
