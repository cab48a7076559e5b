"""Makes the slices that are due, unless the price is outside of their band or the queue has no room for them."""

import time
from decimal import Decimal
from uuid import UUID

from app.network import Network
from app.orders.store.capacity import Capacity
from app.orders.waiting.plans import Decision, DueSlice, PlanStore
from app.orders.waiting.triggers import BATCH
from app.watcher.announcer import Announcer
from app.watcher.rounds import attempt

MEND_SECONDS = 10.0


class Schedules:
    def __init__(self, store: PlanStore, network: Network, announcer: Announcer, capacity: Capacity) -> None:
        self._store = store
        self._network = network
        self._announcer = announcer
        self._capacity = capacity
        self._mend_at = 0.0

    async def round(self) -> bool:
        """Whether there is more to do."""
        await attempt("mend plans", self._mend)
        more = await attempt("slices", self._make)
        await attempt("finish plans", self._finish)
        return more

    async def _make(self) -> bool:
        """Slices are orders: they take part in the limits of the queue. Those that find no room stay due, and so do
        those that this watcher cannot decide about: another one may.
        """
        full, undecided = set[str](), set[UUID]()
        while due := await self._store.due(full=full, undecided=undecided):
            at, stayed, decisions = due[0].now, len(full) + len(undecided), list[Decision]()
            slot = self._network.slot_at(at)
            for one in due:
                decision = self._decide(one, slot)
                if decision is None:
                    undecided.add(one.order)
                elif not decision.skip and (limit := self._capacity.reserve(one.owner, 1)):
                    if limit == "total":
                        break
                    full.add(one.owner)
                else:
                    decisions.append(decision)
            await self._announcer.fired(await self._store.make(decisions), at)
            if len(full) + len(undecided) == stayed:
                return len(decisions) == BATCH
        return False

    async def _finish(self) -> bool:
        await self._announcer.ended(await self._store.finish())
        return False

    async def _mend(self) -> bool:
        if time.monotonic() > self._mend_at:
            self._mend_at = time.monotonic() + MEND_SECONDS
            await self._store.mend()
        return False

    def _decide(self, due: DueSlice, slot: int) -> Decision | None:
        """None: there is no price of its band now, or a token is not listed, here or any more."""
        markets = self._network.markets
        token_in, token_out = markets.find(due.token_in), markets.find(due.token_out)
        if token_in is None or token_out is None:
            return None
        least, most = due.band
        skip = False
        if least is not None or most is not None:
            price = max(self._network.mids(token_in, token_out, slot).values(), default=None)
            if price is None:
                return None
            skip = (least is not None and price < least) or (most is not None and price > most)
        return Decision(due, skip, Decimal(10) ** (token_out.decimals - token_in.decimals))
