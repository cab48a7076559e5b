"""Confirms orders whose swap has landed although the database does not know of it.

An order makes every move that the lifecycle demands, with its event, in one transaction. Moves before the last one are
dated when the swap landed, so starts count in the minute in which they were made. An order that is younger than the
swap, because it was placed again, cannot have such dates: its event of the start has details, and counts as none. The
fence is raised, so a worker that has the order loses it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from app.orders.lifecycle import IN_ATTEMPT, NO_ATTEMPT, SIBLING_FILLED, Status, sql_list
from app.orders.model import OrderEvent
from app.orders.store.reads import event_from
from app.orders.store.statements import SWEEP_AFTER, logged, slice_id
from app.postgres import fetch, transaction

RECONCILED = "reconciled"  # code of an event that stands for what another database knew
MAX_ORDERS = 100  # in one transaction
_DETAILS = {"code": RECONCILED}

# Triggers are locked before their orders, as by the watchers.
LOCK_TRIGGERS = "SELECT FROM triggers WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE"
LOCK_ORDERS = "SELECT FROM orders WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
_SWAPS = """swaps AS (
    SELECT * FROM json_to_recordset($1) AS s(
        id uuid, signature text, dex text, executed_price numeric, amount_out numeric, at timestamptz, building json,
        submitted json, confirmed json)
)"""
_THEN = "greatest(o.updated_at, least(s.at, now()))"
_TOLD = "SELECT id AS order_id, seq, status, attempt, updated_at AS at, details, owner, type"


def _step(before: str, after: Status, sets: str, details: str, *, also: str = "") -> str:
    """The statement that moves all orders that are in this status one step."""
    return f"""
WITH {_SWAPS}, moved AS (
    UPDATE orders o SET status = '{after}', seq = o.seq + 1, {sets}
      FROM swaps s WHERE o.id = s.id AND CASE WHEN o.status IN ({before}) THEN true END
    RETURNING o.*, {details} AS details
){also}, {logged("moved", details="details")}
{_TOLD} FROM moved
"""


_CODE = f"'{orjson.dumps(_DETAILS).decode()}'::json"
_FREE = "lease_until = NULL, error = NULL, code = NULL, fence = o.fence + 1"
# A leg of a group that was filled holds the group: `SETTLE` in `app/orders/waiting/groups.py` ends the others.
FIRED = _step(
    sql_list({Status.OPEN}),
    Status.PENDING,
    f"{_FREE}, ready_at = now(), look_at = now() + {SWEEP_AFTER}, updated_at = {_THEN}",
    _CODE,
    also=""", gone AS (
    DELETE FROM triggers t USING swaps s WHERE t.order_id = s.id
)""",
)
STARTED = _step(
    sql_list({Status.PENDING}),
    Status.ROUTING,
    f"attempt = o.attempt + (coalesce(o.code, '') NOT IN ({sql_list(NO_ATTEMPT)}))::int, {_FREE}, updated_at = {_THEN}",
    f"CASE WHEN o.updated_at > s.at THEN {_CODE} END",
)
BUILT = _step(sql_list({Status.ROUTING}), Status.BUILDING, f"dex = s.dex, {_FREE}, updated_at = {_THEN}", "s.building")
SENT = _step(
    sql_list({Status.BUILDING}),
    Status.SUBMITTED,
    f"tx_hash = s.signature, dex = s.dex, {_FREE}, updated_at = {_THEN}",
    "s.submitted",
)
CONFIRMED = _step(
    sql_list({Status.SUBMITTED}),
    Status.CONFIRMED,
    f"""tx_hash = s.signature, dex = s.dex, executed_price = s.executed_price, amount_out = s.amount_out, claims = 0,
           {_FREE}, updated_at = now()""",
    "s.confirmed",
)
HELD = f"""
WITH {_SWAPS}, held AS (
    UPDATE order_groups g SET holder = o.id FROM orders o JOIN swaps USING (id)
     WHERE g.id = o.group_id AND g.entry IS DISTINCT FROM o.id AND NOT g.settled RETURNING g.id, g.holder
)
UPDATE triggers t SET armed = false FROM held WHERE t.group_id = held.id AND t.order_id <> held.holder
"""
FILLED = f"""
WITH {_SWAPS}
UPDATE lost_swaps l SET adopted_by = o.id FROM swaps s JOIN orders o USING (id)
 WHERE l.signature = s.signature AND l.signature = o.tx_hash AND o.status = '{Status.CONFIRMED}'
"""
# The legs of a group of which another leg was filled, if they were under way. Nothing of theirs is on the chain.
END_LEGS = f"""
WITH legs AS (
    SELECT o.id FROM orders o JOIN order_groups g ON g.id = o.group_id JOIN orders filled ON filled.id = g.holder
     WHERE o.status IN ({sql_list({Status.PENDING, *IN_ATTEMPT})}) AND o.look_at > '-infinity'
       AND o.id <> filled.id AND o.id IS DISTINCT FROM g.entry
       AND filled.id IS DISTINCT FROM g.entry AND CASE filled.status WHEN '{Status.CONFIRMED}' THEN true END
     ORDER BY o.id FOR UPDATE OF o SKIP LOCKED
), moved AS (
    UPDATE orders o
       SET status = '{Status.CANCELLED}', seq = o.seq + 1, fence = o.fence + 1, lease_until = NULL, error = NULL,
           code = '{SIBLING_FILLED}', updated_at = now()
      FROM legs WHERE o.id = legs.id RETURNING o.*, json_build_object('code', '{SIBLING_FILLED}') AS details
), {logged("moved", details="details")}
{_TOLD} FROM moved
"""

# Which of these orders are slices of plans that have not ended.
SLICES = f"""
SELECT * FROM (SELECT p.order_id AS parent, n AS number, {slice_id("p.order_id", "n")} AS id
                 FROM plans p, generate_series(p.next_slice, p.slices) AS n) AS slices
 WHERE id = ANY($1::uuid[]) ORDER BY number
"""
LOCK_PLANS = "SELECT FROM plans WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE"
# $1 parents, $2 numbers, $3 ids, $4 amounts; NULL: as planned.
SLICED = f"""
WITH made AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::numeric[]) AS m(parent, number, slice_id, amount)
), placed AS (
    INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, max_price_impact_bps, venues,
                        expires_at, client_order_id, max_order_usd, fingerprint, request_id, parent_id, slice, chain,
                        status, seq, ready_at, look_at, created_at, updated_at)
    SELECT slice_id, owner, type, token_in, token_out, coalesce(amount, div(amount_in, slices)), slippage_bps,
           max_price_impact_bps, venues, expires_at, client_order_id, max_order_usd, fingerprint, request_id, parent,
           number, chain, '{Status.PENDING}', 1, now(), now() + {SWEEP_AFTER}, now(), now()
      FROM made JOIN orders o ON o.id = made.parent JOIN (SELECT order_id, slices FROM plans) p ON p.order_id = o.id
     ORDER BY slice_id
    ON CONFLICT DO NOTHING
    RETURNING *, json_build_object('parentId', parent_id, 'slice', slice) AS details
), {logged("placed", details="details")}
{_TOLD} FROM placed
"""
# The numbers in between were skipped, or came to nothing: they are not made again.
MOVED_ON = """
WITH made AS (
    SELECT parent, max(number) AS last, count(*) AS filled FROM unnest($1::uuid[], $2::int[]) AS m(parent, number)
     GROUP BY parent
)
UPDATE plans p
   SET next_slice = last + 1, skipped = p.skipped + last + 1 - p.next_slice - filled,
       next_at = p.next_at + (last + 1 - p.next_slice) * p.every_seconds * interval '1 second'
  FROM made WHERE p.order_id = made.parent AND p.next_slice <= last
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A swap that has filled an order, with the details of the events."""

    order: UUID
    signature: str
    dex: str
    executed_price: str
    amount_out: int
    at: datetime
    building: dict[str, Any]
    submitted: dict[str, Any]
    confirmed: dict[str, Any]

    def row(self) -> dict[str, Any]:
        return {"id": self.order, **self.filling()}

    def filling(self) -> dict[str, Any]:
        """What it brings to an order, whichever it is."""
        return {
            "signature": self.signature,
            "dex": self.dex,
            "executed_price": self.executed_price,
            "amount_out": self.amount_out,
            "at": self.at,
            "building": self.building,
            "submitted": self.submitted,
            "confirmed": self.confirmed,
        }


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice that the database has not made yet, and that was filled."""

    parent: UUID
    number: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Written:
    """An event that was written, of this owner's order."""

    owner: str
    event: OrderEvent


class LandedOrders:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def confirm(self, landed: Sequence[Landed]) -> list[Written]:
        """The events, of those that had not ended."""
        written = list[Written]()
        for start in range(0, len(landed), MAX_ORDERS):
            async with transaction(self._pool) as connection:
                written += await confirm(connection, [one.row() for one in landed[start : start + MAX_ORDERS]])
        return written

    async def slices(self, ids: Sequence[UUID]) -> list[Slice]:
        return [Slice(row["parent"], row["number"], row["id"]) for row in await fetch(self._pool, SLICES, ids)]

    async def make_slices(self, slices: Sequence[tuple[Slice, int | None, Landed]]) -> list[Written]:
        """With the amount that each one sold, if that is known. Each is made and confirmed, and its plan moves on."""
        parents, numbers = [one.parent for one, _, _ in slices], [one.number for one, _, _ in slices]
        ids, amounts = [one.id for one, _, _ in slices], [amount for _, amount, _ in slices]
        async with transaction(self._pool) as connection:
            await connection.execute(LOCK_PLANS, parents)
            rows = await connection.fetch(
                SLICED, parents, numbers, ids, [amount and Decimal(amount) for amount in amounts]
            )
            await connection.execute(MOVED_ON, parents, numbers)
            return [*map(_written, rows), *await confirm(connection, [landed.row() for _, _, landed in slices])]

    async def end_legs(self) -> list[Written]:
        return list(map(_written, await fetch(self._pool, END_LEGS)))


async def confirm(connection: PoolConnectionProxy, landed: Sequence[Mapping[str, Any]]) -> list[Written]:
    """Rows of `Landed`."""
    rows, orders = list[asyncpg.Record](), [one["id"] for one in landed]
    text = orjson.dumps(landed, default=str).decode()  # for asyncpg's own UUID class
    await connection.execute(LOCK_TRIGGERS, orders)
    await connection.execute(LOCK_ORDERS, orders)
    for statement in (FIRED, STARTED, BUILT, SENT, CONFIRMED):
        rows += await connection.fetch(statement, text)
    await connection.execute(HELD, text)
    await connection.execute(FILLED, text)
    return list(map(_written, rows))


def _written(row: asyncpg.Record) -> Written:
    return Written(row["owner"], event_from(row))
