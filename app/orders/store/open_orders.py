"""Changes that owners make to orders that wait: amending one, and cancelling many.

Triggers are locked before their orders, as by watchers and by a single cancel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.orders.conditions import Lifetime, Waiting
from app.orders.kill_switch.states import IS_RECONCILING
from app.orders.lifecycle import AMENDED, CANCELLED_BY_OWNER, TERMINAL, UNFINISHED, Status, sql_list
from app.orders.model import NotReconciled, Order, OrderEvent
from app.orders.rows import trigger_row
from app.orders.store.reads import ORDER_COLUMNS, event_from, order_from, with_extremes
from app.orders.store.statements import RECONCILES, logged
from app.postgres.running import SOON, fetch, fetch_soon

PAGE = 500  # orders in one statement, which must not hold its locks for long

_WAITS_FOR_THE_SAME = "(held.op, held.persist, held.level) = (new.op, new.persist, new.level)"
# While the engine reconciles, an order that seems to wait may be filled.
#
# A trailing stop that follows the price stays in its row, so what decides that row must not change: it may have begun
# since the order was read. One that has not begun goes on to wait, unless it waits for something else now.
# Before its next attempt an order waits for as long as before, so that amending it again and again costs no starts.
AMEND = f"""
WITH new AS (
    SELECT * FROM json_to_record($4) AS n(limit_price numeric, limit_out numeric, condition json, time_in_force text,
        expires_at timestamptz, slippage_bps int, feed text, op text, persist smallint, level numeric, rank smallint,
        base_level numeric, trail_bps int, details json)
), held AS MATERIALIZED (
    SELECT op, persist, level, watermark FROM triggers WHERE order_id = $1 AND armed AND {SOON} FOR UPDATE
), amended AS (
    UPDATE orders o
       SET limit_price = new.limit_price, limit_out = new.limit_out, condition = new.condition,
           time_in_force = new.time_in_force, expires_at = new.expires_at, slippage_bps = new.slippage_bps,
           seq = o.seq + 1, updated_at = now()
      FROM new, held
     WHERE o.id = $1 AND CASE o.owner WHEN $2 THEN o.status = '{Status.OPEN}' AND o.seq = $3 END
       AND (o.expires_at IS NULL OR o.expires_at > now())
       AND NOT {IS_RECONCILING}
       AND (held.watermark IS NULL
            OR (o.condition->>'activationPrice', o.condition->>'persistSlots')
               IS NOT DISTINCT FROM (new.condition->>'activationPrice', new.condition->>'persistSlots'))
    RETURNING o.*, new.details
), armed AS (
    UPDATE triggers t
       SET feed = new.feed, op = CASE WHEN held.watermark IS NULL THEN new.op ELSE t.op END, persist = new.persist,
           level = new.level, base_level = new.base_level, trail_bps = new.trail_bps,
           look_at = CASE WHEN {_WAITS_FOR_THE_SAME} THEN t.look_at END,
           since = CASE WHEN {_WAITS_FOR_THE_SAME} THEN t.since ELSE now() END
      FROM new, amended, held WHERE t.order_id = amended.id
), {logged("amended", details="details")}
SELECT {ORDER_COLUMNS} FROM amended
"""


def cancels(wanted: str, *, code: str) -> str:
    """The CTEs that cancel the orders which `wanted` selects, as `id` and `version`; `code`: an SQL expression.

    An order whose swap was sent is `requested`: it is cancelled with the same code once that is proven dead. One that
    somebody has locked, or has changed since the statement saw it, is left alone: `held` has the others.
    """
    return f"""wanted AS MATERIALIZED ({wanted}
), locked AS MATERIALIZED (
    SELECT order_id FROM triggers WHERE order_id IN (SELECT id FROM wanted) ORDER BY order_id FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT o.id, o.status FROM wanted w JOIN orders o ON o.id = w.id AND o.xmin = w.version
     WHERE (SELECT count(*) >= 0 FROM locked)
       AND NOT EXISTS (SELECT FROM triggers t WHERE t.order_id = w.id AND w.id NOT IN (SELECT order_id FROM locked))
     ORDER BY o.id FOR UPDATE OF o SKIP LOCKED
), gone AS (
    DELETE FROM triggers WHERE order_id IN (SELECT id FROM held)
), requested AS (
    UPDATE orders o SET cancel_requested = true, code = {code}
      FROM held WHERE o.id = held.id AND held.status = '{Status.SUBMITTED}'
    RETURNING o.id
), cancelled AS (
    UPDATE orders o SET status = '{Status.CANCELLED}', seq = o.seq + 1, fence = o.fence + 1, lease_until = NULL,
           error = NULL, code = {code}, updated_at = now()
      FROM held WHERE o.id = held.id AND held.status <> '{Status.SUBMITTED}'
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at,
              json_build_object('code', o.code) AS details
), {logged("cancelled", details="details")}"""


# What may still trade, unless its cancel was requested before.
TO_CANCEL = f"""SELECT id, xmin AS version FROM orders
     WHERE status IN ({sql_list(UNFINISHED)}) AND (status <> '{Status.SUBMITTED}' OR NOT cancel_requested)"""
_CHOSEN = f"""
    {TO_CANCEL} AND owner = $1 AND NOT {IS_RECONCILING}
       AND ($2::text[] IS NULL OR token_in = ANY($2)) AND ($3::text[] IS NULL OR token_out = ANY($3))
       AND ($4::text IS NULL OR type = $4) AND ($5::uuid IS NULL OR group_id = $5) AND id <> ALL($6::uuid[])
       AND ($7::float8 IS NULL OR NOT created_at BETWEEN clock_timestamp() - $7 * interval '1 second'
                                                      AND clock_timestamp())
     LIMIT {PAGE}"""
CANCEL_MANY = f"""
WITH {cancels(_CHOSEN, code=f"'{CANCELLED_BY_OWNER}'")}
SELECT {IS_RECONCILING} AS is_reconciling, found, left_out,
       c.id AS order_id, c.seq, c.status, c.attempt, c.updated_at AS at, c.details
  FROM (SELECT count(*) AS found, array_agg(id) FILTER (WHERE id NOT IN (SELECT id FROM held)) AS left_out
          FROM wanted) AS page LEFT JOIN cancelled c ON true
"""


GROUP = "SELECT type, holder FROM order_groups WHERE id = $1 AND owner = $2"
LEGS = f"""
SELECT {ORDER_COLUMNS} FROM orders
 WHERE group_id = $1 AND owner = $2 ORDER BY array_position(ARRAY['limit', 'take_profit'], type), id
"""


SLICES = f"""
SELECT w.id AS parent, p.skipped, CASE WHEN p.next_slice <= p.slices THEN p.next_at END AS next_at, c.*
  FROM unnest($1::uuid[]) AS w(id) LEFT JOIN plans p ON p.order_id = w.id,
       LATERAL (SELECT count(*) FILTER (WHERE status = '{Status.CONFIRMED}') AS filled,
                       count(*) FILTER (WHERE status IN ({sql_list(TERMINAL - {Status.CONFIRMED})})) AS failed,
                       sum(amount_in) FILTER (WHERE status = '{Status.CONFIRMED}') AS filled_in,
                       sum(amount_out) FILTER (WHERE status = '{Status.CONFIRMED}') AS filled_out
                  FROM orders WHERE parent_id = w.id) c
"""


@dataclass(frozen=True, slots=True)
class Slices:
    """What became of the slices of an order so far."""

    filled: int
    failed: int
    skipped: int | None  # None: the order has ended
    filled_in: int
    filled_out: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which of an owner's orders; None: any."""

    token_in: Sequence[str] | None = None  # one of these names
    token_out: Sequence[str] | None = None
    type: str | None = None
    group: UUID | None = None


@dataclass(frozen=True, slots=True)
class OrderGroup:
    id: UUID
    type: str
    holder: UUID | None  # the order that has fired
    orders: list[Order]


@dataclass(frozen=True, slots=True)
class CancelledPage:
    events: list[OrderEvent]  # of the orders that were cancelled
    left_out: list[UUID]  # somebody has locked them, or has just changed them
    is_empty: bool  # none was left to cancel


class OpenOrders:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def group(self, group: UUID, owner: str) -> OrderGroup | None:
        rows = await fetch(self._pool, GROUP, group, owner)
        if not rows:
            return None
        legs = [order_from(row) for row in await fetch(self._pool, LEGS, group, owner)]
        orders = await with_extremes(self._pool, legs)
        return OrderGroup(group, rows[0]["type"], rows[0]["holder"], orders)

    async def slices(self, parents: Sequence[UUID]) -> dict[UUID, Slices]:
        return {
            row["parent"]: Slices(
                row["filled"],
                row["failed"],
                row["skipped"],
                int(row["filled_in"] or 0),
                int(row["filled_out"] or 0),
                row["next_at"],
            )
            for row in (await fetch(self._pool, SLICES, parents) if parents else ())
        }

    async def amend(
        self, order: Order, waiting: Waiting, lifetime: Lifetime, *, slippage_bps: int, details: Mapping[str, Any]
    ) -> tuple[Order, OrderEvent] | None:
        """The order as amended; None: it has changed since it was read, or another leg of its group is under way.

        Raises NotReconciled.
        """
        row = {
            "limit_price": None if waiting.limit_price is None else str(waiting.limit_price),
            "limit_out": waiting.limit_out,
            "condition": dict(waiting.condition),
            "time_in_force": lifetime.time_in_force,
            "expires_at": lifetime.expires_at,
            "slippage_bps": slippage_bps,
            "details": {"code": AMENDED, **details},
            **({} if waiting.trigger is None else trigger_row(waiting.trigger)),
        }
        rows = await fetch_soon(self._pool, AMEND, order.id, order.owner, order.seq, orjson.dumps(row).decode())
        if not rows:
            if await fetch(self._pool, RECONCILES):
                raise NotReconciled
            return None
        [amended] = await with_extremes(self._pool, [order_from(rows[0])])
        return amended, OrderEvent.of(amended, row["details"])

    async def cancel_page(
        self, owner: str, chosen: Selection, *, without: Sequence[UUID] = (), placed_before: float | None = None
    ) -> CancelledPage:
        """Cancel up to `PAGE` of these orders: those placed so many seconds ago or earlier. Raises NotReconciled.

        One of the future was placed before the clock was set back.
        """
        selected = chosen.token_in, chosen.token_out, chosen.type, chosen.group
        rows = await fetch(self._pool, CANCEL_MANY, owner, *selected, without, placed_before)
        if rows[0]["is_reconciling"]:
            raise NotReconciled
        events = [event_from(row) for row in rows if row["order_id"]]
        return CancelledPage(events, rows[0]["left_out"] or [], is_empty=rows[0]["found"] == 0)
