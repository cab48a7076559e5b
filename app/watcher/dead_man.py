"""Cancels the orders of owners who did not renew their dead man's switch."""

import logging

from app.orders.waiting.dead_men import DeadMen
from app.watcher.announcer import Announcer

log = logging.getLogger("engine.watcher")


class DeadManSwitches:
    def __init__(self, store: DeadMen, announcer: Announcer) -> None:
        self._store = store
        self._announcer = announcer

    async def round(self) -> bool:
        """Whether another owner may be due."""
        fired = await self._store.fire()
        if fired is None:
            return False
        log.warning(
            "a dead man's switch was not renewed: the owner's orders are cancelled",
            extra={"owner": fired.owner, "seconds": fired.seconds, "orders": len(fired.orders)},
        )
        await self._announcer.ended(fired.orders)
        return True
