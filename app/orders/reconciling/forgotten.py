"""A client repeats the key of an order that the database has forgotten, and whose swap landed: it gets that order back.

`PLACE` in `app/orders/store/placing.py` inserts no order with such a key, and asks here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg

from app.orders.model import KeyReused, OrderForgotten, PlaceOrder
from app.orders.reconciling.compared import UnmatchedSwap, by_tag
from app.orders.reconciling.landed import confirm
from app.orders.reconciling.slices import adopt
from app.orders.store.placing import InsertOne
from app.postgres.running import transaction

KEEP_TAG = "UPDATE orders SET tag = $2 WHERE id = $1"


class ForgottenOrders:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def place_again(
        self, orders: Sequence[PlaceOrder], insert: InsertOne
    ) -> tuple[list[PlaceOrder], list[PlaceOrder]]:
        """Those of these orders that were placed again now, and those that ask for something else than the old one."""
        again, others = list[PlaceOrder](), list[PlaceOrder]()
        for order, swap in await self._forgotten(orders):
            if swap is None:
                others.append(order)
            else:
                await self._place_again(order, swap, insert)
                again.append(order)
        return again, others

    async def find(self, orders: Sequence[PlaceOrder]) -> Mapping[UUID, KeyReused | OrderForgotten]:
        return {
            order.id: OrderForgotten(swap.signature) if swap else KeyReused()
            for order, swap in await self._forgotten(orders)
        }

    async def _forgotten(self, orders: Sequence[PlaceOrder]) -> list[tuple[PlaceOrder, UnmatchedSwap | None]]:
        """Those of these orders whose key is that of a forgotten one, with its swap; None: they ask for another one."""
        found = list[tuple[PlaceOrder, UnmatchedSwap | None]]()
        swaps = await by_tag(self._pool, [order.tag for order in orders if order.tag is not None])
        for order in orders:
            if of_key := swaps.get(order.tag or ""):
                fitting = [
                    one
                    for amount in _amounts(order)
                    for one in of_key
                    if one.filling and one.fits(order.token_in, order.token_out, amount)
                ]
                # Each fills a slice: one of which nobody knows what it brought would be made anew.
                is_untold = _is_sliced(order) and len({one.signature for one in fitting}) < len(of_key)
                found.append((order, None if is_untold else next(iter(fitting), None)))
        return found

    async def _place_again(self, order: PlaceOrder, swap: UnmatchedSwap, insert: InsertOne) -> None:
        """Place it as the order that its swap was signed for, and confirm it. One in slices goes on after those."""
        if _is_sliced(order):
            async with transaction(self._pool) as connection:
                if await insert(replace(order, tag=None), connection.fetch):
                    await connection.execute(KEEP_TAG, order.id, order.tag)
                    await adopt(connection, [order.id])
            return
        old = replace(order, id=UUID(swap.order_id), tag=None)
        async with transaction(self._pool) as connection:
            if await insert(old, connection.fetch):
                await confirm(connection, [{"id": old.id, **(swap.filling or {})}])


def _is_sliced(order: PlaceOrder) -> bool:
    return order.waiting is not None and order.waiting.plan is not None


def _amounts(order: PlaceOrder) -> Sequence[int]:
    """What a swap of it sells: all, or one of its slices, of which the last one takes the rest."""
    if order.waiting is None or order.waiting.plan is None:
        return [order.amount_in]
    part = order.amount_in // (slices := order.waiting.plan.slices)
    return [part, order.amount_in - part * (slices - 1)]
