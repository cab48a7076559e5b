"""Placing orders: those within their risk limits are inserted, and repeats are answered with the order they repeat."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from app.orders.lifecycle import Status
from app.orders.model import KeyReused, OrderEvent, Placed, PlaceOrder, TradingStopped
from app.orders.risk import RiskLimitExceeded, RiskLimits, beyond_limits
from app.orders.store import statements
from app.orders.store.daily_volumes import Run, lock_days, used_today
from app.postgres import fetch, transaction

Refused = Mapping[UUID, RiskLimitExceeded]
Created = Mapping[UUID, asyncpg.Record]


class Placing:
    """Orders of owners with a daily limit are checked and inserted under a lock, so that no process adds to an owner's
    day in between. Orders of all others take one statement.
    """

    def __init__(self, pool: asyncpg.Pool, limits: RiskLimits) -> None:
        self._pool = pool
        self._limits = limits  # of orders placed with a key that has none of its own
        self._process = uuid4()  # whose rows of `daily_volumes` these orders are added to

    async def place(self, orders: Sequence[PlaceOrder]) -> Sequence[Placed | Exception]:
        refused, created = await self._insert(orders)
        existing: Sequence[asyncpg.Record] = []
        if missing := [order for order in orders if order.id not in created]:
            # Also those beyond a limit: the order that they repeat may have been within it.
            existing = await fetch(self._pool, statements.PLACED_BEFORE, _json(missing))
        results = {order.id: _placed(order, created, existing, refused.get(order.id)) for order in orders}
        again = [order for order in orders if isinstance(results[order.id], RiskLimitExceeded)]
        if again and any(order.id not in refused for order in missing):
            # A repeat was taken for a new order and used up what was left of the day. Without it these may fit.
            results |= dict(zip([order.id for order in again], await self.place(again), strict=True))
        return list(results.values())

    async def _insert(self, orders: Sequence[PlaceOrder]) -> tuple[Refused, Created]:
        """Insert the orders within their limits: those beyond, and the rows of the new ones."""
        in_force = self._limits.in_force
        limited = {order.owner for order in orders if in_force(order.max_order_usd, order.max_daily_usd).daily_usd}
        if not limited:
            return await self._insert_within(orders, {}, partial(fetch, self._pool))
        async with transaction(self._pool) as connection:
            await lock_days(connection, sorted(limited))
            used = await used_today(connection.fetch, sorted(limited))
            return await self._insert_within(orders, used, connection.fetch)

    async def _insert_within(
        self, orders: Sequence[PlaceOrder], used: Mapping[str, int], run: Run
    ) -> tuple[Refused, Created]:
        refused = beyond_limits(orders, self._limits, used)
        within = [order for order in orders if order.id not in refused]
        rows = await run(statements.PLACE, _json(within), self._process) if within else []
        return refused, {row["id"]: row for row in rows}


def _json(orders: Sequence[PlaceOrder]) -> str:
    return orjson.dumps([_row(order) for order in orders], default=str).decode()  # for asyncpg's own UUID class


def _row(order: PlaceOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "owner": order.owner,
        "type": order.type,
        "token_in": order.token_in,
        "token_out": order.token_out,
        "amount_in": order.amount_in,
        "slippage_bps": order.slippage_bps,
        "min_amount_out": order.min_amount_out,
        "max_price_impact_bps": order.max_price_impact_bps,
        "venues": order.venues,
        "expires_in_seconds": order.expires_in_seconds,
        "client_order_id": order.client_order_id,
        "retry_of": order.retry_of,
        "usd_value": None if order.usd_value is None else str(order.usd_value),
        "max_order_usd": order.max_order_usd,
        "idempotency_key": order.idempotency_key,
        "fingerprint": order.fingerprint.hex(),
        "request_id": order.request_id,
    }


def _placed(
    order: PlaceOrder,
    created: Mapping[UUID, asyncpg.Record],
    existing: Sequence[asyncpg.Record],
    refused: RiskLimitExceeded | None,
) -> Placed | Exception:
    if row := created.get(order.id):
        return _new(row)
    for row in existing:
        if row["id"] == order.id:  # inserted by an earlier try whose answer was lost
            return _new(row)
    for row in existing:
        if (row["owner"], row["idempotency_key"]) == (order.owner, order.idempotency_key):
            if not order.matches(row["fingerprint"]):
                return KeyReused()
            return Placed(row["id"], Status(row["status"]), row["created_at"], idempotent=True)
    if refused is not None:
        return refused
    return TradingStopped()


def _new(row: asyncpg.Record) -> Placed:
    status = Status(row["first_status"])
    event = OrderEvent(order_id=row["id"], seq=1, status=status, attempt=0, at=row["created_at"])
    return Placed(row["id"], status, row["created_at"], event=event)
