"""Reading orders: one order, its event log, lists. The owner who may read is part of every query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.batching import Batcher
from app.orders.conditions import OrderType
from app.orders.lifecycle import TERMINAL, UNFINISHED, Status, sql_list
from app.orders.model import Order, OrderEvent, Placed
from app.orders.store.daily_volumes import used_today
from app.postgres.running import fetch

ORDER_COLUMNS = ", ".join(field.name for field in fields(Order))

ONE_ORDER = f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = $1 AND ($2::text IS NULL OR owner = $2)"
# What trailing stops have seen that wait.
EXTREMES = """
SELECT t.order_id, coalesce(w.extreme, nullif(t.base_level, 0)) AS extreme
  FROM triggers t LEFT JOIN watermarks w ON w.id = t.watermark
 WHERE t.order_id = ANY($1::uuid[]) AND t.trail_bps IS NOT NULL
"""
LOG = (
    "SELECT order_id, seq, status, attempt, at, details FROM order_events WHERE order_id = $1 AND seq > $2 ORDER BY seq"
)
LOGS = """
SELECT e.order_id, e.seq, e.status, e.attempt, e.at, e.details
  FROM unnest($1::uuid[], $2::int[], $3::int[]) AS w(id, after, until)
  JOIN order_events e ON e.order_id = w.id AND e.seq > w.after AND e.seq <= w.until
 ORDER BY e.order_id, e.seq
"""
OWNED = f"""
SELECT id, seq, status, status IN ({sql_list(UNFINISHED)}) OR EXISTS (
       SELECT FROM order_events e WHERE e.order_id = o.id AND e.seq = o.seq) AS kept
  FROM orders o WHERE id = ANY($1::uuid[]) AND ($2::text IS NULL OR owner = $2)
"""
HEADS = "SELECT id, seq FROM orders WHERE id = ANY($1::uuid[])"
UNFINISHED_OF_OWNER = f"""
SELECT id, seq FROM orders
 WHERE owner = $1 AND status IN ({sql_list(UNFINISHED)}) ORDER BY created_at, id LIMIT $2
"""
# Not those of a future that did not come: the clock was set back.
CREATED_SINCE = """
SELECT id, created_at, seq FROM orders WHERE owner = $1 AND created_at > $2 AND created_at <= clock_timestamp()
 ORDER BY created_at LIMIT $3
"""
NOW = "SELECT now()"
HAS_STARTED = """
SELECT EXISTS (SELECT FROM order_events WHERE status = 'routing' AND at > now() - $1 * interval '1 second'
                  AND at < now() + interval '1 second') AS has_started
"""

# The row that ON CONFLICT met is often too new for that statement's snapshot: a second statement sees it.
PLACED_BEFORE = """
SELECT o.id, o.owner, o.idempotency_key, o.fingerprint, o.chain, o.status, o.created_at, o.condition,
       CASE WHEN o.id = r.id
            THEN (SELECT e.status FROM order_events e WHERE e.order_id = o.id AND e.seq = 1) END AS first_status
  FROM json_to_recordset($1) AS r(id uuid, owner text, idempotency_key text)
  JOIN orders o ON o.id = r.id OR (o.owner = r.owner AND o.idempotency_key = r.idempotency_key)
"""

UNINDEXED = ("token_in", "token_out", "dex")  # columns to filter by that no index has
MAX_NEW_ORDERS = 1_000  # of one owner, in one query
SCAN_ROWS = 10_000  # orders that one page looks at for a filter that no index serves


@dataclass(frozen=True, slots=True)
class LogHead:
    """The end of an order's log: the number of its last event, and its status."""

    seq: int
    status: Status
    kept: bool  # `engine prune` deletes logs, and may leave the order

    def is_end(self, after: int) -> bool:
        """Whether no event comes after this one."""
        return self.status in TERMINAL and (after >= self.seq or not self.kept)


@dataclass(frozen=True, slots=True)
class PageKey:
    """The last order of a page of the list: the next page continues after it."""

    created_at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    status: Status | None = None
    token_in: Sequence[str] | None = None  # one of these names
    token_out: Sequence[str] | None = None
    dex: Sequence[str] | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    orders: list[Order]
    end: PageKey | None  # where the next page starts; None: this was the last


def order_from(row: asyncpg.Record) -> Order:
    values = dict(row)
    values["status"] = Status(values["status"])
    for name in ("amount_in", "min_amount_out", "usd_value", "floor_out", "amount_out", "limit_out"):
        if values[name] is not None:
            values[name] = int(values[name])
    if values["venues"] is not None:
        values["venues"] = tuple(values["venues"])
    for name in ("swap", "condition"):
        if values[name] is not None:
            values[name] = orjson.loads(values[name])
    return Order(**values)


def repeated(row: asyncpg.Record) -> Placed:
    """The order that an earlier request with the same key made."""
    condition = None if row["condition"] is None else orjson.loads(row["condition"])
    return Placed(row["id"], Status(row["status"]), row["created_at"], idempotent=True, condition=condition)


async def with_extremes(pool: asyncpg.Pool, orders: Sequence[Order]) -> list[Order]:
    """The same orders. Those of trailing stops that wait are in the rows that they share."""
    waiting = [one.id for one in orders if one.type == OrderType.TRAILING_STOP and one.status is Status.OPEN]
    if not waiting:
        return list(orders)
    found = {row["order_id"]: row["extreme"] for row in await fetch(pool, EXTREMES, waiting)}
    return [replace(one, extreme=found.get(one.id, one.extreme)) for one in orders]


def event_from(row: asyncpg.Record) -> OrderEvent:
    return OrderEvent(
        order_id=row["order_id"],
        seq=row["seq"],
        status=Status(row["status"]),
        attempt=row["attempt"],
        at=row["at"],
        details=orjson.loads(row["details"]) if row["details"] else {},
    )


class OrderReader:
    """Queries about orders. `owner=None` means every owner: for the engine itself and for operators."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._now: Batcher[None, datetime] = Batcher(self._read_now)

    async def order(self, order_id: UUID, owner: str | None) -> Order | None:
        rows = await fetch(self._pool, ONE_ORDER, order_id, owner)
        return (await with_extremes(self._pool, [order_from(rows[0])]))[0] if rows else None

    async def log(self, order_id: UUID, after: int = 0) -> list[OrderEvent]:
        return [event_from(row) for row in await fetch(self._pool, LOG, order_id, after)]

    async def logs(self, parts: Mapping[UUID, tuple[int, int]]) -> list[OrderEvent]:
        """Events of these orders, order by order: after the first number given for it, and up to the second."""
        after, until = [part[0] for part in parts.values()], [part[1] for part in parts.values()]
        rows = await fetch(self._pool, LOGS, list(parts), after, until)
        return [event_from(row) for row in rows]

    async def owned(self, ids: Sequence[UUID], owner: str | None) -> dict[UUID, LogHead]:
        """Those of these orders that this owner has."""
        rows = await fetch(self._pool, OWNED, list(ids), owner)
        return {row["id"]: LogHead(row["seq"], Status(row["status"]), row["kept"]) for row in rows}

    async def heads(self, ids: Sequence[UUID]) -> dict[UUID, int]:
        return {row["id"]: row["seq"] for row in await fetch(self._pool, HEADS, list(ids))}

    async def unfinished(self, owner: str, limit: int) -> list[UUID]:
        return [row["id"] for row in await fetch(self._pool, UNFINISHED_OF_OWNER, owner, limit)]

    async def placed_since(self, owner: str, since: datetime) -> list[tuple[UUID, datetime, int]]:
        """All orders of an owner since then, when they were created, and how long their logs are; page by page."""
        placed: list[tuple[UUID, datetime, int]] = []
        while True:
            rows = await fetch(self._pool, CREATED_SINCE, owner, since, MAX_NEW_ORDERS)
            placed += [(row["id"], row["created_at"], row["seq"]) for row in rows]
            if len(rows) < MAX_NEW_ORDERS or rows[-1]["created_at"] == since:
                return placed
            since = rows[-1]["created_at"]

    async def used_today(self, owner: str) -> int:
        """The value of the orders that this owner placed today, in millionths of a dollar."""
        return (await used_today(partial(fetch, self._pool), [owner])).get(owner, 0)

    async def has_started(self, within: float) -> bool:
        """Whether an order was started in the last so many seconds."""
        return bool((await fetch(self._pool, HAS_STARTED, within))[0]["has_started"])

    async def now(self) -> datetime:
        """Who asks meanwhile is answered together: 200 quotes at once kept others' lists waiting for a connection."""
        return await self._now(None)

    async def _read_now(self, asked: list[None]) -> list[datetime]:
        rows = await fetch(self._pool, NOW)
        return [rows[0]["now"]] * len(asked)

    async def page(self, owner: str, filter_by: Filter, after: PageKey | None, limit: int) -> Page:
        """Newest first. With a filter that no index serves, a page also ends after SCAN_ROWS orders that were looked
        at: it may have fewer orders than `limit`, even none, and yet not be the last.
        """
        values: list[Any] = [owner]

        def parameter(value: Any) -> str:
            values.append(value)
            return f"${len(values)}"

        conditions = ["owner = $1"]
        if filter_by.status is not None:
            conditions.append(f"status = {parameter(filter_by.status)}")
        if filter_by.placed_from is not None:
            conditions.append(f"created_at >= {parameter(filter_by.placed_from)}")
        if filter_by.placed_before is not None:
            conditions.append(f"created_at < {parameter(filter_by.placed_before)}")
        if after is not None:
            conditions.append(f"(created_at, id) < ({parameter(after.created_at)}, {parameter(after.id)})")
        filtered = {name: value for name in UNINDEXED if (value := getattr(filter_by, name)) is not None}
        # Its own statement, and before the page: orders that arrive in between must not move the end.
        end = await self._end_of_scan(conditions, values) if filtered else None
        if end is not None:
            conditions.append(f"(created_at, id) >= ({parameter(end.created_at)}, {parameter(end.id)})")
        conditions += [f"{column} = ANY({parameter(value)})" for column, value in filtered.items()]
        rows = await fetch(
            self._pool,
            f"SELECT {ORDER_COLUMNS} FROM orders WHERE {' AND '.join(conditions)}"
            f" ORDER BY created_at DESC, id DESC LIMIT {parameter(limit + 1)}",
            *values,
        )
        orders = await with_extremes(self._pool, [order_from(row) for row in rows[:limit]])
        return Page(orders, PageKey(orders[-1].created_at, orders[-1].id) if len(rows) > limit else end)

    async def _end_of_scan(self, conditions: Sequence[str], values: Sequence[Any]) -> PageKey | None:
        """The last order to look at, found in the index alone; None: there are no more than SCAN_ROWS."""
        rows = await fetch(
            self._pool,
            f"SELECT created_at, id FROM orders WHERE {' AND '.join(conditions)}"
            f" ORDER BY created_at DESC, id DESC OFFSET {SCAN_ROWS - 1} LIMIT 1",
            *values,
        )
        return PageKey(rows[0]["created_at"], rows[0]["id"]) if rows else None
