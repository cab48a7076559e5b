"""Once a second: ends orders whose time ran out, settles groups, looks again at limits, deletes old prices."""

import time

from app.orders.waiting.groups import Groups
from app.orders.waiting.lost import LostTriggers
from app.orders.waiting.prices import DELETE_PAGE, PriceStore
from app.orders.waiting.triggers import BATCH, TriggerStore
from app.watcher.announcer import Announcer

DELETE_SECONDS = 60.0
MEND_SECONDS = 5.0


class Upkeep:
    def __init__(
        self, triggers: TriggerStore, groups: Groups, prices: PriceStore, lost: LostTriggers, announcer: Announcer
    ) -> None:
        self._triggers = triggers
        self._groups = groups
        self._prices = prices
        self._lost = lost
        self._announcer = announcer
        self._delete_at = self._mend_at = 0.0

    async def round(self) -> bool:
        """Whether there is more to do."""
        expired = await self._triggers.expire()
        await self._announcer.ended(expired)
        settled, cancelled = await self._groups.settle()
        await self._announcer.ended(cancelled)
        aside = await self._triggers.look_again()
        if time.monotonic() > self._mend_at:
            self._mend_at = time.monotonic() + MEND_SECONDS
            await self._lost.mend()
        deleted = 0
        if time.monotonic() > self._delete_at:
            deleted = await self._prices.delete_old()
            if deleted < DELETE_PAGE:
                self._delete_at = time.monotonic() + DELETE_SECONDS
        return BATCH in (len(expired), settled, aside) or deleted == DELETE_PAGE
