"""Reconciles with the chain, after the database lost its newest writes: see `app/orders/reconciling/state.py`.

- At its start a worker compares the newest swaps of ours with the database: a backup that was restored into the same
  database shows in nothing else. Until that is done it starts nothing.
- While the engine reconciles, the chain is asked about every order that has not ended, and about its newest swaps until
  a page of them is known. An order whose swap landed is confirmed. A swap of an order that is not known, or has ended
  otherwise, is written down for the operators.
- A swap that is on its way is left alone: reconciling lasts longer than any swap can be.
- What the chain does not know may still have been sent by a worker whose commit was lost. So the last look is made once
  a swap that was signed before the starts stopped can no longer land. Then the engine goes on by itself.

Every worker does this. Two at once do no harm: each write is guarded by the status of the order.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app import metrics
from app.dex import amounts
from app.dex.chain import BLOCKHASH_LIFE, MAX_FOUND, Chain, FoundSwap
from app.dex.errors import DexError
from app.dex.markets import Markets
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.lifecycle import Status
from app.orders.memo import Memos
from app.orders.model import Order
from app.orders.reconciling.compared import ComparedSwaps
from app.orders.reconciling.landed import RECONCILED, Landed, LandedOrders, Slice, Written
from app.orders.reconciling.state import Reconciling, ReconcilingState
from app.postgres import DatabaseUnavailable
from worker.found_swaps import amount_of, fills, found_swap, is_id, knows, lost_swap, moves

log = logging.getLogger("engine.reconciler")

COMPARED = 200  # swaps, at the start of a worker
PAGE = 500  # swaps in one question
HORIZON = timedelta(minutes=10)  # before reconciling began: swaps that are older have all ended
ROUND_SECONDS = 0.25
REST_FACTOR = 10  # a look is followed by a rest of this many times its duration
FIRST_SECONDS = 2.0
NO_ORDER = UUID(int=0)  # what a swap brings is worked out before its order is known
BEHIND_CHAIN = "the chain has swaps of ours that the database does not know"


class Reconciler:
    def __init__(
        self,
        *,
        state: ReconcilingState,
        swaps: ComparedSwaps,
        landed: LandedOrders,
        chain: Chain,
        memos: Memos,
        markets: Markets,
        publisher: EventPublisher,
        ended: Callable[[], None],
    ) -> None:
        self._state = state
        self._swaps = swaps
        self._landed = landed
        self._chain = chain
        self._memos = memos
        self._markets = markets
        self._publisher = publisher
        self._ended = ended
        self._begun = False  # by this worker, so that it need not read of it
        self._found = Counter[str]()  # by this worker, since it began to reconcile
        self.compared = False  # with the chain, since this worker started: before that it starts nothing

    async def start(self) -> None:
        with contextlib.suppress(DatabaseUnavailable, DexError, TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                await self.compare()

    async def compare(self) -> None:
        if missing := await self._missing(await self._chain.newest(COMPARED)):
            log.error("%s: nothing starts until they are found", BEHIND_CHAIN, extra={"swaps": len(missing)})
            await self._state.begin(BEHIND_CHAIN)
            self._begun = True
        self.compared = True

    async def run(self, may_run: Callable[[], bool], reconciling: Callable[[], bool]) -> None:
        while True:
            began = time.monotonic()
            try:
                if may_run() and not self.compared:
                    await self.compare()
                if may_run() and (self._begun or reconciling()):
                    await self.round()
            except DexError as error:
                log.warning("the chain did not answer", extra={"code": error.code})
            except DatabaseUnavailable as error:
                log.warning("reconciling waits for Postgres", extra={"error": str(error.__cause__)})
            await asyncio.sleep(max(ROUND_SECONDS, REST_FACTOR * (time.monotonic() - began)))

    async def round(self) -> None:
        began = await self._state.read()
        self._begun = began is not None
        if began is None:
            return
        height, _ = await self._chain.find([])
        if began.stopped_height is None and began.all_sent:
            await self._state.stopped(began, height)
        is_last = began.stopped_height is not None and height > began.stopped_height + BLOCKHASH_LIFE + 1
        await self._look_at_swaps(began)
        on_their_way = await self._look_at_orders()
        self._count("cancelled", await self._landed.end_legs(), Status.CANCELLED)
        if is_last and not on_their_way:
            if await self._state.end(began, self._found):
                log.warning("reconciled with the chain, orders start again", extra=dict(self._found))
            self._found.clear()
            self._ended()

    async def _look_at_swaps(self, began: Reconciling) -> None:
        """From the newest on, until a page of them is known."""
        before = None
        while page := await self._chain.newest(PAGE, before=before):
            missing = await self._missing(page)
            await self._confirm([(order, swap) for swap, order in missing if order and fills(swap, order)])
            without_order = {UUID(swap.about): swap for swap, order in missing if order is None and is_id(swap.about)}
            sliced = await self._make_slices(without_order)
            lost = [
                lost_swap(swap, order, self._filling(swap) if order is None else None)
                for swap, order in missing
                if not (order and fills(swap, order)) and swap.signature not in sliced
            ]
            if noted := await self._swaps.note(lost):
                log.error("swaps landed that fill no order here: see `engine reconcile`", extra={"swaps": noted})
                self._found["lost"] += noted
                metrics.RECONCILED.labels("lost").inc(noted)
            if not missing and datetime.fromtimestamp(page[-1].at, UTC) < began.began_at - HORIZON:
                break
            before = page[-1].signature

    async def _missing(self, swaps: Sequence[FoundSwap]) -> list[tuple[FoundSwap, Order | None]]:
        """The swaps that landed and of which the database knows nothing, each with its order as it is there."""
        landed = [swap for swap in swaps if amount_of(swap) is not None]
        orders = await self._swaps.orders([UUID(swap.about) for swap in landed if is_id(swap.about)])
        with_order = [(swap, orders.get(UUID(swap.about)) if is_id(swap.about) else None) for swap in landed]
        missing = [(swap, order) for swap, order in with_order if order is None or not knows(order, swap)]
        noted = await self._swaps.noted([swap.signature for swap, _ in missing]) if missing else set()
        return [(swap, order) for swap, order in missing if swap.signature not in noted]

    async def _look_at_orders(self) -> int:
        """Ask the chain about all orders that have not ended. How many swaps that they do not know are on their way."""
        ids, on_their_way = await self._swaps.unfinished(), 0
        for start in range(0, len(ids), MAX_FOUND):
            some = ids[start : start + MAX_FOUND]
            _, found = await self._chain.find([str(order) for order in some])
            orders = await self._swaps.orders(some)
            filled = dict[UUID, tuple[Order, FoundSwap]]()
            for swap in found:
                order = orders[UUID(swap.about)]
                if amount_of(swap) is None:
                    is_under_way = swap.outcome is None or swap.outcome.status == "landed"
                    on_their_way += is_under_way and swap.signature != order.tx_hash
                elif not knows(order, swap) and fills(swap, order):
                    filled[order.id] = order, swap
            await self._confirm(list(filled.values()))
            await self._fill_by_key([order for order in orders.values() if order.id not in filled])
        return on_their_way

    async def _fill_by_key(self, orders: Sequence[Order]) -> None:
        """Orders that were placed again with the key of an order that is not known, and whose swap landed."""
        by_tag = {tag: order for order in orders if (tag := self._memos.tag(order.owner, order.idempotency_key))}
        for tag, lost in (await self._swaps.by_tag(list(by_tag))).items():
            order, swap = by_tag[tag], found_swap(lost)
            if lost.fits(order.token_in, order.token_out, order.amount_in):
                await self._confirm([(order, swap)])
                await self._swaps.adopted(lost.signature, order.id)

    async def _confirm(self, filled: Sequence[tuple[Order, FoundSwap]]) -> None:
        landed = [self._as_landed(order, swap) for order, swap in filled]
        self._count("confirmed", await self._landed.confirm(landed), Status.CONFIRMED)

    async def _make_slices(self, without_order: dict[UUID, FoundSwap]) -> set[str]:
        """Those that are slices of plans that go on; the signatures of their swaps."""
        slices = await self._landed.slices(list(without_order)) if without_order else []
        parents = await self._swaps.orders([one.parent for one in slices])
        made: list[tuple[Slice, int | None, Landed]] = [
            (one, without_order[one.id].amount_in, self._as_landed(parents[one.parent], without_order[one.id], one.id))
            for one in slices
            if moves(without_order[one.id], parents[one.parent])
        ]
        if made:
            self._count("confirmed", await self._landed.make_slices(made), Status.CONFIRMED)
        return {landed.signature for _, _, landed in made}

    def _as_landed(self, order: Order, swap: FoundSwap, order_id: UUID | None = None) -> Landed:
        """`order_id`: of the slice of this order."""
        known = replace(
            swap,
            token_in=order.token_in,
            token_out=order.token_out,
            amount_in=swap.amount_in or order.amount_in,
            venue=swap.venue or order.dex,
        )
        return self._landed_as(order_id or order.id, known, order.floor_out or order.min_amount_out or 0)

    def _filling(self, swap: FoundSwap) -> Mapping[str, Any] | None:
        """What it brings to an order that is placed again with its key; None: the chain does not say enough."""
        try:
            return self._landed_as(NO_ORDER, swap, 0).filling() if swap.tag and swap.amount_in else None
        except DexError:  # a token that is not traded here
            return None

    def _landed_as(self, order: UUID, swap: FoundSwap, floor_out: int) -> Landed:
        token_in, token_out = self._markets.token(swap.token_in or ""), self._markets.token(swap.token_out or "")
        amount_in, amount_out, dex = swap.amount_in or 0, amount_of(swap) or 0, swap.venue or "unknown"
        price = amounts.price(amount_in, token_in.decimals, amount_out, token_out.decimals)
        out, floor = (amounts.to_decimal(units, token_out.decimals) for units in (amount_out, floor_out))
        return Landed(
            order=order,
            signature=swap.signature,
            dex=dex,
            executed_price=price,
            amount_out=amount_out,
            at=datetime.fromtimestamp(swap.at, UTC),
            building={"dex": dex, "price": price, "minAmountOut": floor, "quotes": [], "code": RECONCILED},
            submitted={"txHash": swap.signature},
            confirmed={"txHash": swap.signature, "dex": dex, "executedPrice": price, "amountOut": out},
        )

    def _count(self, found: str, written: Sequence[Written], status: Status) -> None:
        for one in written:
            self._publisher.publish(EventMessage.of(one.owner, one.event))
            if one.event.status is status:
                labels = {"order": str(one.event.order_id), **one.event.details}
                log.warning(
                    "reconciled: %s", found, extra={key: labels[key] for key in ("order", "txHash") if key in labels}
                )
                self._found[found] += 1
                metrics.RECONCILED.labels(found).inc()
