"""Placing orders: those within their risk limits are inserted, and repeats are answered with the order they repeat."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

import asyncpg

from app.orders.conditions import MAX_SLICED, OrderType
from app.orders.kill_switch.states import is_stopped
from app.orders.lifecycle import Status
from app.orders.model import (
    KeyReused,
    OrderEvent,
    OrderForgotten,
    Placed,
    PlaceOrder,
    TooManyOpen,
    TradingStopped,
)
from app.orders.risk import RiskLimitExceeded, RiskLimits, beyond_limits, most_used
from app.orders.rows import COLUMNS, EXPIRES_AT, REQUESTED, rows_of
from app.orders.store.daily_volumes import DAYS, OVER_DAY, Days, Run, counts, in_day
from app.orders.store.reads import PLACED_BEFORE, repeated
from app.orders.store.statements import SWEEP_AFTER, logged
from app.postgres.running import fetch

Refused = dict[UUID, RiskLimitExceeded]
Created = dict[UUID, asyncpg.Record]

MAX_OPEN = 10_000  # orders that wait, of one owner
_PLACED = "RETURNING id, owner, type, usd_value, seq, status, attempt, created_at, updated_at"

# Counted once for each owner of such an order: it may read all open orders of the owner.
_SLICED = f"""sliced AS MATERIALIZED (
    SELECT owner, (SELECT count(*) FROM (SELECT FROM orders o WHERE o.owner = owners.owner AND o.status = 'open'
                                            AND o.type = '{OrderType.DCA}' LIMIT {MAX_SLICED}) AS few) AS had
      FROM (SELECT DISTINCT owner FROM requested WHERE slices IS NOT NULL) AS owners
)"""

# Its key is that of a forgotten order, whose swap landed.
FORGOTTEN = "EXISTS (SELECT FROM lost_swaps l WHERE l.tag = requested.tag AND l.adopted_by IS NULL)"

# Kept where the order's own key does not say it, or others have it too: see `app/orders/memo.py`.
_TAG = "CASE WHEN {which} THEN tag END"

# A row of each order that was inserted, and of each owner of whom nothing was, for what is used of the day.
ANSWER = f"""
SELECT id, status AS first_status, created_at, NULL AS owner, NULL::numeric AS used FROM placed
UNION ALL {OVER_DAY}
"""
PLACE = f"""
WITH requested AS (
    SELECT * FROM json_to_recordset($1) AS r({REQUESTED})
), {DAYS}, placed AS (
    INSERT INTO orders ({COLUMNS}, fingerprint, expires_at, tag, status, seq, ready_at, look_at, created_at, updated_at)
    SELECT {COLUMNS}, decode(fingerprint, 'hex'), {EXPIRES_AT}, {_TAG.format(which="retry_of IS NOT NULL")}, 'pending',
           1, now(), least(now() + {SWEEP_AFTER}, {EXPIRES_AT}), now(), now()
      FROM requested WHERE NOT {is_stopped("owner")} AND NOT {FORGOTTEN} AND {in_day("owner")}
     ORDER BY owner, idempotency_key, id
    ON CONFLICT DO NOTHING
    {_PLACED}
), {counts()}, {logged("placed")}
{ANSWER}
"""


def open_orders(*, made: str = "", group: str = "NULL::uuid") -> str:
    """The CTEs that insert orders that wait, as `placed`, each with its trigger. `made`: a CTE before them that makes
    their `group`, whole or not at all; they keep the tag of its key. $5: the most of one owner, and a few more: of
    those of a statement only orders in slices count.
    """
    return f"""{DAYS}, requested AS (
    SELECT *, row_number() OVER (PARTITION BY owner, slices IS NULL) AS nth
      FROM json_to_recordset($1) AS r({REQUESTED}, limit_price numeric, limit_out numeric, condition json, feed text,
        op text, persist smallint, level numeric, rank smallint, base_level numeric, trail_bps int, held boolean,
        slices int, every_seconds int, on_miss text, start_at timestamptz, band_min numeric, band_max numeric)
), free AS (
    SELECT owner FROM (SELECT DISTINCT owner FROM requested) AS owners
     WHERE $5 > (SELECT count(*) FROM (SELECT FROM orders o
                                        WHERE o.owner = owners.owner AND o.status = 'open' LIMIT $5) AS waiting)
       AND NOT {is_stopped("owners.owner")} AND {in_day("owners.owner")}
), {_SLICED}, {made}placed AS (
    INSERT INTO orders ({COLUMNS}, fingerprint, limit_price, limit_out, condition, expires_at, group_id, tag, status,
                        seq, ready_at, look_at, created_at, updated_at)
    SELECT {COLUMNS}, decode(fingerprint, 'hex'), limit_price, limit_out, condition, {EXPIRES_AT}, {group},
           {"tag" if made else _TAG.format(which="slices IS NOT NULL OR retry_of IS NOT NULL")},
           'open', 1, now(), 'infinity', now(), now()
      FROM requested LEFT JOIN sliced USING (owner)
     WHERE owner IN (SELECT owner FROM free) AND (slices IS NULL OR had + nth <= {MAX_SLICED}) AND NOT {FORGOTTEN}
           {"AND EXISTS (SELECT FROM made)" if made else ""}
     ORDER BY owner, idempotency_key, id
    {"" if made else "ON CONFLICT DO NOTHING"}
    {_PLACED}, group_id
), armed AS (
    INSERT INTO triggers (order_id, owner, order_type, feed, op, persist, level, base_level, trail_bps, rank, group_id,
                          armed)
    SELECT id, placed.owner, placed.type, feed, op, persist, level, base_level, trail_bps, rank,
           CASE WHEN held IS DISTINCT FROM false THEN group_id END, held IS NOT TRUE
      FROM placed JOIN requested USING (id) WHERE feed IS NOT NULL
), planned AS (
    INSERT INTO plans (order_id, owner, slices, every_seconds, on_miss, next_at, band_min, band_max)
    SELECT id, placed.owner, slices, every_seconds, on_miss, coalesce(start_at, now()), band_min, band_max
      FROM placed JOIN requested USING (id) WHERE slices IS NOT NULL
)"""


PLACE_OPEN = f"""
WITH {open_orders()}, {counts()}, {logged("placed")}
{ANSWER}
"""

STOPPED = f"SELECT owner FROM unnest($1::text[]) AS owner WHERE {is_stopped('owner')}"


InsertOne = Callable[[PlaceOrder, Run], Awaitable[list[asyncpg.Record]]]


class Forgotten(Protocol):
    """Orders that the database has forgotten, and that were filled: see `app/orders/reconciling/forgotten.py`."""

    async def place_again(
        self, orders: Sequence[PlaceOrder], insert: InsertOne
    ) -> tuple[list[PlaceOrder], list[PlaceOrder]]: ...

    async def find(self, orders: Sequence[PlaceOrder]) -> Mapping[UUID, KeyReused | OrderForgotten]: ...


class Placing:
    """A statement that inserts orders of owners with a daily limit compares what they have used of it, so that no other
    process adds to it in between.
    """

    def __init__(
        self, pool: asyncpg.Pool, limits: RiskLimits, *, max_open: int, forgotten: Forgotten | None = None
    ) -> None:
        self._pool = pool
        self._forgotten = forgotten
        self._limits = limits  # of orders placed with a key that has none of its own
        self._max_open = max_open  # orders that wait, of one owner
        self._days = Days(pool)

    async def place(self, orders: Sequence[PlaceOrder]) -> Sequence[Placed | Exception]:
        refused, created = await self._insert(orders)
        existing, reused = list[asyncpg.Record](), set[UUID]()
        if missing := [order for order in orders if order.id not in created]:
            # Also those beyond a limit: the order that they repeat may have been within it.
            existing = await fetch(self._pool, PLACED_BEFORE, rows_of(missing))
            unknown = [order for order in missing if not _before(order, existing)]
            if unknown and self._forgotten:
                again, others = await self._forgotten.place_again(unknown, self._insert_one)
                existing += await fetch(self._pool, PLACED_BEFORE, rows_of(again)) if again else []
                reused = {order.id for order in others}
        results = {order.id: _placed(order, created, existing, refused.get(order.id)) for order in orders}
        results |= dict.fromkeys(reused, KeyReused())
        if full := {order.owner for order in orders if isinstance(results[order.id], TooManyOpen)}:
            stopped = {row["owner"] for row in await fetch(self._pool, STOPPED, list(full))}
            results |= {
                order.id: TradingStopped()
                for order in orders
                if order.owner in stopped and isinstance(results[order.id], TooManyOpen)
            }
        again = [order for order in orders if isinstance(results[order.id], RiskLimitExceeded)]
        if again and any(order.id not in refused for order in missing):
            # A repeat was taken for a new order and used up what was left of the day. Without it these may fit.
            results |= dict(zip([order.id for order in again], await self.place(again), strict=True))
        return list(results.values())

    async def find(self, orders: Sequence[PlaceOrder]) -> Sequence[Placed | KeyReused | OrderForgotten | None]:
        """The orders that these repeat. None is placed again: its condition may be missing, or trading is stopped."""
        existing = await fetch(self._pool, PLACED_BEFORE, rows_of(orders))
        unknown = [order for order in orders if not _before(order, existing)]
        forgotten = await self._forgotten.find(unknown) if unknown and self._forgotten else {}
        return [_before(order, existing) or forgotten.get(order.id) for order in orders]

    async def _insert(self, orders: Sequence[PlaceOrder]) -> tuple[Refused, Created]:
        """Insert the orders within their limits: those beyond, and the rows of the new ones."""
        due = [order for order in orders if order.waiting is None]
        waiting = [order for order in orders if order.waiting is not None]
        refused, created = await self._insert_alike(due, PLACE)
        more_refused, more_created = await self._insert_alike(waiting, PLACE_OPEN, self._max_open)
        return refused | more_refused, created | more_created

    async def _insert_alike(self, left: Sequence[PlaceOrder], sql: str, *arguments: int) -> tuple[Refused, Created]:
        refused, created, used = Refused(), Created(), dict[str, int]()
        while left:
            beyond = beyond_limits(left, self._limits, used)
            most = most_used(left, self._limits, beyond, used)
            rows = list[asyncpg.Record]()
            if (within := [order for order in left if order.id not in beyond]) or most:
                days = [*most], [*most.values()]
                rows = await self._days.insert(sql, rows_of(within), *days, *arguments)
            created |= {row["id"]: row for row in rows if row["owner"] is None}
            # Owners who have used more: now it is known how much, and what is left for some of their orders.
            used |= (over := {row["owner"]: int(row["used"]) for row in rows if row["owner"] is not None})
            refused |= {order.id: beyond[order.id] for order in left if order.id in beyond and order.owner not in over}
            left = [order for order in left if order.owner in over]
        return refused, created

    async def _insert_one(self, order: PlaceOrder, run: Run) -> list[asyncpg.Record]:
        if order.waiting is None:
            return await run(PLACE, rows_of([order]), self._days.writer, [], [])
        return await run(PLACE_OPEN, rows_of([order]), self._days.writer, [], [], self._max_open)


def _placed(
    order: PlaceOrder,
    created: Mapping[UUID, asyncpg.Record],
    existing: Sequence[asyncpg.Record],
    refused: RiskLimitExceeded | None,
) -> Placed | Exception:
    if row := created.get(order.id):
        return _new(row)
    if before := _before(order, existing):
        return before
    if refused is not None:
        return refused
    return TooManyOpen() if order.waiting else TradingStopped()


def _before(order: PlaceOrder, existing: Sequence[asyncpg.Record]) -> Placed | KeyReused | None:
    for row in existing:
        if row["id"] == order.id:  # inserted by an earlier try whose answer was lost
            return _new(row)
    for row in existing:
        if (row["owner"], row["idempotency_key"]) == (order.owner, order.idempotency_key):
            same = order.matches(row["fingerprint"]) and order.chain == row["chain"]
            return repeated(row) if same else KeyReused()
    return None


def _new(row: asyncpg.Record) -> Placed:
    status = Status(row["first_status"])
    event = OrderEvent(order_id=row["id"], seq=1, status=status, attempt=0, at=row["created_at"])
    return Placed(row["id"], status, row["created_at"], event=event)
