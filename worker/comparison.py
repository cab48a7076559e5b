"""Compares orders and swaps with the chain: an order whose swap landed is confirmed, a swap of no order is noted."""

import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from app import metrics
from app.dex.chain import MAX_FOUND, Chain, FoundSwap
from app.orders.events.publisher import EventMessage, EventPublisher
from app.orders.lifecycle import Status
from app.orders.memo import Memos, is_id
from app.orders.model import Order
from app.orders.reconciling.compared import ComparedSwaps
from app.orders.reconciling.landed import MAX_ORDERS, LandedOrders, StaysLocked, Written
from app.orders.reconciling.slices import FilledSlices, Slice
from app.orders.reconciling.state import Reconciling
from app.orders.waiting.groups import Groups
from app.orders.waiting.isolation import change_each
from worker.found_swaps import Fillings, fills, found_swap, is_doubted, is_free, is_ours, knows, moves, unmatched_swap

log = logging.getLogger("engine.reconciler")

PAGE = 500  # swaps in one question
CLOCKS_APART = timedelta(days=1)  # of the chain and of Postgres, at most
LOOK_BACK = timedelta(days=7)  # each look reads all newer swaps, and older ones up to a known page with a fill

FilledSlice = tuple[Slice, FoundSwap, Order]  # with its parent
WithOrder = tuple[FoundSwap, Order | None]  # that its memo names


class Comparison:
    """`turn`: is called before each question, which may take long. `count`: with all swaps that are looked at."""

    def __init__(
        self,
        *,
        swaps: ComparedSwaps,
        landed: LandedOrders,
        slices: FilledSlices,
        groups: Groups,
        chain: Chain,
        memos: Memos,
        fillings: Fillings,
        publisher: EventPublisher,
        turn: Callable[[], Awaitable[object]],
        count: Callable[[Sequence[FoundSwap]], Awaitable[None]],
    ) -> None:
        self._swaps = swaps
        self._landed = landed
        self._filled_slices = slices
        self._groups = groups
        self._chain = chain
        self._memos = memos
        self._fillings = fillings
        self._publisher = publisher
        self._turn, self._count_signed = turn, count
        self._walked: datetime | None = None  # when reconciling was begun for which all swaps were looked at
        self.found = Counter[str]()  # confirmed, cancelled, unmatched
        self.bad = dict[str, tuple[FoundSwap, Order]]()  # signature → landed, or may have, and cannot be confirmed
        self._locked = set[UUID]()  # orders of which somebody had locked a row

    async def look(self, now: Reconciling) -> tuple[dict[str, Order], int | None]:
        """Swaps on their way that the orders do not know, by signature, and those that nodes do not tell alike or whose
        rows are locked; and a height up to which none is missing. None: there was no order to ask about.
        """
        self.bad.clear()
        await self._look_at_swaps(now)
        await self._settle()
        on_their_way, height = await self._look_at_orders()
        await self._slices_by_key()
        self._count("cancelled", await self._landed.end_legs(), Status.CANCELLED)
        doubtful = {at: order for at, (swap, order) in self.bad.items() if not swap.agreed or order.id in self._locked}
        return doubtful | on_their_way, height

    async def missing(self, swaps: Sequence[FoundSwap]) -> list[WithOrder]:
        """The swaps that landed and of which the database knows nothing, each with its order as it is there."""
        return await self._not_noted(await self._unknown(swaps))

    async def _orders(self, ids: Sequence[UUID]) -> dict[UUID, Order]:
        return {one: self._fillings.named(order) for one, order in (await self._swaps.orders(ids)).items()}

    async def _unknown(self, swaps: Sequence[FoundSwap]) -> list[WithOrder]:
        """Those that landed, and that the orders do not know, each with the order that its memo names."""
        landed = [swap for swap in swaps if swap.has_landed and is_ours(swap)]
        orders = await self._orders([UUID(swap.about) for swap in landed if is_id(swap.about)])
        with_order = [(swap, orders.get(UUID(swap.about)) if is_id(swap.about) else None) for swap in landed]
        return [(swap, order) for swap, order in with_order if order is None or not knows(order, swap)]

    async def _not_noted(self, unknown: Sequence[WithOrder]) -> list[WithOrder]:
        known = [swap.signature for swap, order in unknown if order is None and self._fillings.of(swap)]
        noted = await self._swaps.noted([swap.signature for swap, _ in unknown], known) if unknown else set()
        return [(swap, order) for swap, order in unknown if swap.signature not in noted]

    async def _look_at_swaps(self, now: Reconciling) -> None:
        """From the newest on. Orders are confirmed at the end, and slices made: plans move on past those not made."""
        before, slices, told = None, dict[UUID, FilledSlice](), list[tuple[Order, FoundSwap]]()
        is_unmade = await self._filled_slices.is_unmade()
        while page := await self._chain.newest(PAGE, before=before, known=self._swaps.known):
            await self._turn()
            await self._count_signed(page)
            unknown = await self._unknown(page)
            missing = await self._not_noted(unknown)
            filled = [(order, swap) for swap, order in missing if order and fills(swap, order)]
            told += [(order, swap) for order, swap in filled if swap.is_told]
            # Also those that were noted, of a slice that could not be made: it would be made anew.
            made = await self._slices({UUID(one.about): one for one, of in unknown if of is None and is_id(one.about)})
            slices = {order: one for order, one in made.items() if one[1].is_told} | slices
            filled += [(parent, swap) for _, swap, parent in made.values()]
            self.bad |= {swap.signature: (swap, order) for order, swap in filled if not swap.is_told}
            sliced = {swap.signature for _, swap, _ in made.values()}
            unmatched = [
                unmatched_swap(swap, order, self._fillings.of(swap) if order is None else None)
                for swap, order in missing
                if not (order and fills(swap, order)) and swap.signature not in sliced
            ]
            if noted := await self._swaps.note(unmatched):
                log.error("swaps landed that fill no order here: see `engine reconcile`", extra={"swaps": noted})
                self.found["unmatched"] += noted
                metrics.RECONCILED.labels("unmatched").inc(noted)
            # Swaps that failed, or fill orders that were placed again since, say nothing of older ones.
            lost = is_unmade or unknown or not any(swap.is_known for swap in page)
            news = missing if self._walked == now.began_at else lost
            if not news and max(swap.at for swap in page) < (now.began_at - LOOK_BACK).timestamp():
                break
            before = page[-1].signature
        await self._confirm(told[::-1])
        await self._make_slices(sorted(slices.values(), key=lambda one: one[0].number))
        self._walked = None if self.bad else now.began_at  # what is not settled may be on any page

    async def _look_at_orders(self) -> tuple[dict[str, Order], int | None]:
        """Ask the chain about all orders that have not ended."""
        placed, on_their_way, heights = await self._swaps.unfinished(), dict[str, Order](), list[int]()
        for start in range(0, len(placed), MAX_FOUND):
            await self._turn()
            some = [order for order, _ in placed[start : start + MAX_FOUND]]
            since = (placed[start][1] - CLOCKS_APART).timestamp()
            height, found = await self._chain.find([str(order) for order in some], since=since)
            heights.append(height)
            orders, filled = await self._orders(some), dict[UUID, tuple[Order, FoundSwap]]()
            for swap in found:
                order = orders[UUID(swap.about)]
                if not swap.is_told:
                    if (swap.outcome is None or swap.has_landed) and swap.signature != order.tx_hash:
                        on_their_way[swap.signature] = order
                elif not knows(order, swap) and fills(swap, order):
                    filled[order.id] = order, swap
            await self._confirm(list(filled.values()))
            by_signature = {swap.signature: swap for swap in found}
            own = [(one, by_signature.get(one.tx_hash or "")) for one in orders.values() if one.id not in filled]
            free = [one for one, swap in own if is_free(one, swap, height)]
            await self._fill_by_key(free, [one for one, swap in own if is_doubted(one, swap)])
        return on_their_way, min(heights, default=None)

    async def _fill_by_key(self, orders: Sequence[Order], doubted: Sequence[Order]) -> None:
        """Orders that were placed again with the key of an order that is not known, and whose swap landed; or that have
        failed, and whose retry is not known. Each swap fills one order at most, and none of those `doubted`.
        """
        tagged, filled = dict[str, list[Order]](), set[UUID]()
        for order in [*orders, *doubted]:
            for tag in self._memos.tags_that_fill(order):
                tagged.setdefault(tag, []).append(order)
        for tag, swaps in (await self._swaps.by_tag(list(tagged))).items():
            for one in swaps:
                free = [order for order in tagged[tag] if order.id not in filled]
                fitting = [order for order in free if one.fits(order.token_in, order.token_out, order.amount_in)]
                if fitting and fitting[0] not in doubted:
                    filled.add(fitting[0].id)
                    await self._confirm([(fitting[0], found_swap(one))])
                elif free and one.filling is None:
                    self.bad[one.signature] = found_swap(one), free[0]
                elif unclear := fitting or await self._swaps.legs_of_filled(free, one):
                    self.bad[one.signature] = replace(found_swap(one), agreed=False), unclear[0]

    async def _settle(self) -> None:
        """The orders of a group that wait for its entry have the amounts that swaps have, once that was filled."""
        for moved in (await self._groups.settle())[1]:
            self._publisher.publish(EventMessage.of(moved.owner, moved.event))

    async def _slices_by_key(self) -> None:
        """Orders in slices that were placed again with the key of one that is not known."""
        not_made = set[UUID]()
        parents = await self._orders(await self._filled_slices.placed_again())

        async def adopt(some: Sequence[Order]) -> list[Written]:
            return await self._filled_slices.adopt([one.id for one in some])

        def failed(parent: Order) -> None:
            self._tell("slices were filled", parent)
            not_made.add(parent.id)

        self._count("confirmed", await change_each(list(parents.values()), adopt, failed), Status.CONFIRMED)
        left = await self._swaps.by_tag([parent.tag for parent in parents.values() if parent.tag])
        for parent in parents.values():
            for one in left.get(parent.tag or "", ()):
                if one.filling is None or parent.id in not_made:
                    self.bad[one.signature] = found_swap(one), parent

    async def _confirm(self, filled: Sequence[tuple[Order, FoundSwap]]) -> None:
        async def confirm(some: Sequence[tuple[Order, FoundSwap]]) -> list[Written]:
            for _, swap in some:
                self.bad.pop(swap.signature, None)  # an earlier try of this look failed
            return await self._landed.confirm([self._fillings.landed(order, swap) for order, swap in some])

        for at in range(0, len(filled), MAX_ORDERS):
            written = await change_each(filled[at : at + MAX_ORDERS], confirm, lambda one: self._failed(one[1], one[0]))
            self._count("confirmed", written, Status.CONFIRMED)

    def _failed(self, swap: FoundSwap, order: Order) -> None:
        """`order`: that the swap has filled, or of which it has filled a slice."""
        self._tell("a swap landed", order, txHash=swap.signature)
        self.bad[swap.signature] = swap, order

    def _tell(self, what: str, order: Order, **labels: str) -> None:
        if not isinstance(sys.exception(), StaysLocked):
            log.exception("%s, and its order cannot be confirmed", what, extra={"order": str(order.id), **labels})
        elif order.id not in self._locked:
            log.warning("%s, and somebody has locked its order", what, extra={"order": str(order.id), **labels})
            self._locked.add(order.id)

    async def _slices(self, without_order: dict[UUID, FoundSwap]) -> dict[UUID, FilledSlice]:
        """Those that are slices of plans that go on."""
        slices = await self._filled_slices.find(list(without_order)) if without_order else []
        parents = await self._orders([one.parent for one in slices])
        return {
            one.id: (one, swap, parent)
            for one in slices
            if moves(swap := without_order[one.id], parent := parents[one.parent])
        }

    async def _make_slices(self, filled: Sequence[FilledSlice]) -> None:
        async def make(some: Sequence[FilledSlice]) -> list[Written]:
            made = [(one, swap.amount_in, self._fillings.landed(parent, swap, one.id)) for one, swap, parent in some]
            return await self._filled_slices.make(made)

        for start in range(0, len(filled), PAGE):
            written = await change_each(filled[start : start + PAGE], make, lambda one: self._failed(one[1], one[2]))
            self._count("confirmed", written, Status.CONFIRMED)

    def _count(self, found: str, written: Sequence[Written], status: Status) -> None:
        for one in written:
            self._publisher.publish(EventMessage.of(one.owner, one.event))
            if one.event.status is status:
                labels = {name: text for name, text in one.event.details.items() if name == "txHash"}
                log.warning("reconciled: %s", found, extra={"order": str(one.event.order_id), **labels})
                self.found[found] += 1
                metrics.RECONCILED.labels(found).inc()
