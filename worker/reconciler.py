"""Reconciles with the chain, after the database lost its newest writes: see `app/orders/reconciling/state.py`.

- At its start a worker compares the newest swaps of ours with the database, those since the last fill that this knows:
  a backup that was restored into the same database shows in nothing else. Until that is done it starts nothing.
- While the engine reconciles, the chain is asked about every order that has not ended, and about all swaps of the last
  week, and older ones until it knows a page with a fill. An order whose swap landed is confirmed. A swap of an order
  that is not known, or has ended otherwise, is written down for the operators.
- A swap that is on its way is left alone: reconciling lasts longer than any swap can be.
- What the chain does not know may still have been sent by a worker whose commit was lost. So the last look is made once
  a swap that was signed before the starts stopped can no longer land. Then the engine goes on by itself.
- An order whose swap landed, and that cannot be confirmed, holds up no other one. If it started it would be filled
  twice, so its owner is halted before the engine goes on.

One worker at a time does this. Two at once would do no harm: each write is guarded by the status of the order.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

from app.dex.chain import BLOCKHASH_LIFE, Chain, FoundSwap
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.orders.events.publisher import EventPublisher
from app.orders.memo import Memos
from app.orders.model import Order
from app.orders.reconciling.compared import ComparedSwaps
from app.orders.reconciling.landed import LandedOrders
from app.orders.reconciling.slices import FilledSlices
from app.orders.reconciling.state import Reconciling, ReconcilingState
from app.orders.waiting.groups import Groups
from app.postgres.errors import DatabaseUnavailable
from worker.comparison import Comparison
from worker.found_swaps import Fillings, unmatched_swap

log = logging.getLogger("engine.reconciler")

COMPARED = 200  # swaps, at the start of a worker
HORIZON = timedelta(minutes=10)  # swaps that are older have all ended
ROUND_SECONDS = 0.25
REST_FACTOR = 10  # a look is followed by a rest of this many times its duration; the last one waits for no rest
UNANSWERED_SECONDS = 1.0  # between tries while the chain or Postgres does not answer
PATIENCE_SECONDS = 120.0  # at the end, for swaps of which the chain does not say what they brought
FIRST_SECONDS = 2.0
ASKED = "the chain, which is asked about all orders and swaps"
BEHIND_CHAIN = "the chain has swaps of ours that the database does not know"
CANNOT_CONFIRM = "swaps of this owner landed, and their orders cannot be confirmed: see `engine reconcile --show`"


class Reconciler:
    def __init__(
        self,
        *,
        state: ReconcilingState,
        swaps: ComparedSwaps,
        landed: LandedOrders,
        slices: FilledSlices,
        groups: Groups,
        chain: Chain,
        memos: Memos,
        markets: Markets,
        publisher: EventPublisher,
        count: Callable[[Sequence[FoundSwap]], Awaitable[None]],
        ended: Callable[[], None],
    ) -> None:
        self._state = state
        self._swaps = swaps
        self._chain = chain
        self._ended, self._count = ended, count
        self._doubtful = dict[str, FoundSwap]()  # signature → not counted, because the nodes do not say the same yet
        self._name = secrets.token_hex(8)
        self._comparison = Comparison(
            swaps=swaps,
            landed=landed,
            slices=slices,
            groups=groups,
            chain=chain,
            memos=memos,
            fillings=Fillings(markets),
            publisher=publisher,
            turn=partial(state.take_turn, self._name),
            count=self._count_agreed,
        )
        self._begun: Reconciling | None = None  # what this worker knows of it, so that it need not ask whether
        self._look_at = 0.0  # when it looks again, on `time.monotonic`
        self._over_at: float | None = None  # since when no forgotten swap can land any more
        self._waits_for = ""
        self.compared = False  # with the chain, since this worker started: before that it starts nothing

    async def start(self) -> None:
        with contextlib.suppress(DatabaseUnavailable, DexError, TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self.compare()

    async def compare(self) -> None:
        """Since a fill that is known: the rest is known too, and strangers can make it long."""
        last = await self._swaps.last_fill(HORIZON)
        # So many of each wallet: the orders of a former one may have been pruned.
        newest = await self._chain.newest(COMPARED, after=last, known=self._swaps.known)
        if missing := await self._comparison.missing(_first_agreed(newest, COMPARED)):
            log.error("%s: nothing starts until they are found", BEHIND_CHAIN, extra={"swaps": len(missing)})
            await self._state.begin(BEHIND_CHAIN)
            self._begun = await self._state.read()
        self.compared = True

    async def run(self, may_run: Callable[[], bool], reconciling: Callable[[], bool]) -> None:
        while True:
            try:
                if may_run() and not self.compared:
                    await self.compare()
                if may_run() and (self._begun or reconciling()):
                    await self.step()
            except DexError as error:
                log.warning("the chain did not answer", extra={"code": error.code})
                with contextlib.suppress(DatabaseUnavailable):
                    await self._say("the chain, which does not answer")
                await asyncio.sleep(UNANSWERED_SECONDS)
            except DatabaseUnavailable as error:
                log.warning("reconciling waits for Postgres", extra={"error": str(error.__cause__)})
            await asyncio.sleep(ROUND_SECONDS)

    async def step(self) -> None:
        """Look at everything, if it is time to; the height is read each time, and costs nothing."""
        await self._state.compare()
        now = await self._state.take_turn(self._name)
        if now is None or self._begun is None or now.began_at != self._begun.began_at:
            self._look_at, self._over_at, self._waits_for = 0.0, None, ""
            self._comparison.found.clear()
        self._begun = now
        if now is None:
            return
        if not self._waits_for:
            await self._say(ASKED)
        last = await self._last_height(now)
        if last is not None and self._over_at is None and (await self._chain.ended([]))[0] > last:
            self._look_at, self._over_at = 0.0, time.monotonic()
        if time.monotonic() >= self._look_at:
            began = time.monotonic()
            self._look_at = began + UNANSWERED_SECONDS  # if it fails
            await self._swaps.free()
            is_over, confirmed = self._over_at is not None, self._comparison.found["confirmed"]  # before the look
            on_their_way, height = await self._comparison.look(now)
            took = time.monotonic() - began
            self._look_at = time.monotonic() + took * (1 if is_over else REST_FACTOR)
            none_missing = height is None or (last is not None and height > last)
            # What it has confirmed may arm others, which swaps that are known fill.
            is_last = is_over and none_missing and self._comparison.found["confirmed"] == confirmed
            if is_last and await self._end(now, on_their_way):
                return
        if self._over_at is None and last is not None:
            await self._say(f"height {last} of the chain: before, a swap that was forgotten may land")

    async def _count_agreed(self, swaps: Sequence[FoundSwap]) -> None:
        """The others are counted at the end: a node that was behind may say the same as the others by then."""
        for swap in swaps:
            if swap.agreed:
                self._doubtful.pop(swap.signature, None)
            else:
                self._doubtful[swap.signature] = swap
        await self._count([swap for swap in swaps if swap.agreed])

    async def _last_height(self, now: Reconciling) -> int | None:
        """Up to which a swap that is forgotten can land; None: it may still be sent."""
        if now.stopped_height is not None:
            return now.stopped_height + BLOCKHASH_LIFE + 1
        if now.all_sent:
            # The newest blockhash may belong to a block that is above the height which is final.
            newest = (await self._chain.blockhash()).last_valid_height - BLOCKHASH_LIFE
            await self._state.stopped(now, max(newest, (await self._chain.ended([]))[0]))
        return None

    async def _end(self, now: Reconciling, on_their_way: Mapping[str, Order]) -> bool:
        """After a look above the last height. False: swaps are on their way."""
        if on_their_way and time.monotonic() - (self._over_at or 0) < PATIENCE_SECONDS:
            signature, order = next(iter(on_their_way.items()))
            await self._say(f"{len(on_their_way)} swaps on their way", signature=signature, order=str(order.id))
            return False
        await self._count([*self._doubtful.values()])
        self._doubtful.clear()
        stuck = [order for _, order in self._comparison.bad.values()] + list(on_their_way.values())
        if stuck:
            await self._swaps.note([unmatched_swap(swap, order, None) for swap, order in self._comparison.bad.values()])
        owners = sorted({order.owner for order in stuck})
        if await self._state.end(now, self._comparison.found, halt=owners, why=CANNOT_CONFIRM):
            log.warning("reconciled with the chain, orders start again", extra=dict(self._comparison.found))
            if stuck:
                orders = sorted({str(order.id) for order in stuck})
                log.error("owners are halted: swaps landed whose orders cannot be confirmed", extra={"orders": orders})
        self._begun = None
        self._ended()
        return True

    async def _say(self, what: str, **more: str) -> None:
        """What the end waits for, for anybody: it is part of `/health`. What only operators may know is for the log."""
        if what != self._waits_for:
            await self._state.waits_for(what)
            self._waits_for = what
            log.warning("reconciling waits for %s", what, extra=more)


def _first_agreed(swaps: Sequence[FoundSwap], count: int) -> Sequence[FoundSwap]:
    """The first of them, with so many that the nodes agree on, and all that they do not agree on: one node alone could
    put as many others before these, or these behind as many others.
    """
    places = [place for place, swap in enumerate(swaps, 1) if swap.agreed]
    last = places[count - 1] if len(places) >= count else len(swaps)
    return [swap for place, swap in enumerate(swaps, 1) if place <= last or not swap.agreed]
