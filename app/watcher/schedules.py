"""Makes the slices that are due, unless the price is outside of their band."""

from datetime import UTC, datetime
from decimal import Decimal

from app.network import Network
from app.orders.waiting.plans import Decision, DueSlice, PlanStore
from app.orders.waiting.triggers import BATCH
from app.watcher.announcer import Announcer


class Schedules:
    def __init__(self, store: PlanStore, network: Network, announcer: Announcer) -> None:
        self._store = store
        self._network = network
        self._announcer = announcer

    async def round(self) -> bool:
        """Whether there is more to do."""
        due = await self._store.due()
        if due:
            at = datetime.now(UTC)
            slot = self._network.slot_at(at)
            await self._announcer.fired(await self._store.make([self._decide(one, slot) for one in due]), at)
        await self._announcer.ended(await self._store.finish())
        return len(due) == BATCH

    def _decide(self, due: DueSlice, slot: int) -> Decision:
        markets = self._network.markets
        token_in, token_out = markets.token(due.token_in), markets.token(due.token_out)
        least, most = due.band
        skip = False
        if least is not None or most is not None:
            price = max(self._network.mids(token_in, token_out, slot).values(), default=None)
            skip = price is None or (least is not None and price < least) or (most is not None and price > most)
        return Decision(due, skip, Decimal(10) ** (token_out.decimals - token_in.decimals))
