"""Once a second: ends orders whose time ran out, settles groups, looks again at limits, deletes old prices."""

import time

from app.orders.waiting.groups import Groups
from app.orders.waiting.lost import LostTriggers
from app.orders.waiting.prices import DELETE_PAGE, PriceStore
from app.orders.waiting.trailing import TrailingStops
from app.orders.waiting.triggers import BATCH, TriggerStore
from app.watcher.announcer import Announcer
from app.watcher.rounds import attempt

DELETE_SECONDS = 60.0
MEND_SECONDS = 5.0


class Upkeep:
    def __init__(
        self,
        triggers: TriggerStore,
        trailing: TrailingStops,
        groups: Groups,
        prices: PriceStore,
        lost: LostTriggers,
        announcer: Announcer,
    ) -> None:
        self._triggers = triggers
        self._trailing = trailing
        self._groups = groups
        self._prices = prices
        self._lost = lost
        self._announcer = announcer
        self._delete_at = self._mend_at = 0.0

    async def round(self) -> bool:
        """Whether there is more to do."""
        more = [
            await attempt("expire", self._expire),
            await attempt("settle groups", self._settle),
            await attempt("look again", self._look_again),
            await attempt("mend triggers", self._mend),
            await attempt("delete prices", self._delete_prices),
        ]
        return any(more)

    async def _expire(self) -> bool:
        expired = await self._triggers.expire()
        await self._announcer.ended(expired)
        return len(expired) == BATCH

    async def _settle(self) -> bool:
        settled, changed = await self._groups.settle()
        await self._announcer.ended(changed)
        return settled == BATCH

    async def _look_again(self) -> bool:
        return await self._triggers.look_again() == BATCH

    async def _mend(self) -> bool:
        if time.monotonic() > self._mend_at:
            self._mend_at = time.monotonic() + MEND_SECONDS
            await self._lost.mend()
            await self._trailing.delete_unused()
        return False

    async def _delete_prices(self) -> bool:
        if time.monotonic() <= self._delete_at:
            return False
        if await self._prices.delete_old() == DELETE_PAGE:
            return True
        self._delete_at = time.monotonic() + DELETE_SECONDS
        return False
