"""A client repeats the key of an order that the database has forgotten, and whose swap landed: it gets that order back.

`PLACE` in `app/orders/store/placing.py` inserts no order with such a key, and asks here.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import asyncpg

from app.orders.model import PlaceOrder
from app.orders.reconciling.compared import UnmatchedSwap, by_tag
from app.orders.reconciling.landed import confirm
from app.orders.store.placing import InsertOne
from app.postgres import transaction


class ForgottenOrders:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def __call__(
        self, orders: Sequence[PlaceOrder], insert: InsertOne
    ) -> tuple[list[PlaceOrder], list[PlaceOrder]]:
        """Those of these orders that were placed again now, and those that ask for something else than the old one."""
        tagged = {order.tag: order for order in orders if order.tag is not None}
        again, others = list[PlaceOrder](), list[PlaceOrder]()
        for tag, swaps in (await by_tag(self._pool, list(tagged))).items():
            order = tagged[tag]
            fitting = [one for one in swaps if one.fits(order.token_in, order.token_out, order.amount_in)]
            if fitting:
                await self._place_again(order, fitting[0], insert)
                again.append(order)
            else:
                others.append(order)
        return again, others

    async def _place_again(self, order: PlaceOrder, swap: UnmatchedSwap, insert: InsertOne) -> None:
        """Place it as the order that its swap was signed for, and confirm it."""
        old = replace(order, id=UUID(swap.order_id), tag=None)
        async with transaction(self._pool) as connection:
            if await insert(old, connection.fetch):
                await confirm(connection, [{"id": old.id, **(swap.filling or {})}])
