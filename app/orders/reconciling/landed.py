"""Confirms orders whose swap has landed although the database does not know of it.

An order makes every move that the lifecycle demands, with its event, in one transaction. Moves before the last one are
dated when the swap landed, so starts count in the minute in which they were made. An order that is younger than the
swap, because it was placed again, cannot have such dates: its event of the start has details, and counts as none. The
fence is raised, so a worker that has the order loses it.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from app.orders.lifecycle import NO_ATTEMPT, SIBLING_FILLED, UNDER_WAY, Status, sql_list
from app.orders.model import OrderEvent
from app.orders.store.reads import event_from
from app.orders.store.statements import SWEEP_AFTER, logged
from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import fetch, transaction

RECONCILED = "reconciled"  # code of an event that stands for what another database knew
MAX_ORDERS = 100  # in one transaction
_DETAILS = {"code": RECONCILED}

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '100ms'"
# Triggers are locked before their orders, as by the watchers.
LOCK_TRIGGERS = "SELECT FROM triggers WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE"
LOCK_ORDERS = "SELECT FROM orders WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
_SWAPS = """swaps AS (
    SELECT * FROM json_to_recordset($1) AS s(
        id uuid, signature text, dex text, executed_price numeric, amount_in numeric, amount_out numeric,
        at timestamptz, building json, submitted json, confirmed json, token_out text)
)"""
_THEN = "greatest(o.updated_at, least(s.at, now()))"
TOLD = "SELECT id AS order_id, seq, status, attempt, updated_at AS at, details, owner, type"


def _step(before: str, after: Status, sets: str, details: str, *, also: str = "") -> str:
    """The statement that moves all orders that are in this status one step."""
    return f"""
WITH {_SWAPS}, moved AS (
    UPDATE orders o SET status = '{after}', seq = o.seq + 1, {sets}
      FROM swaps s WHERE o.id = s.id AND CASE WHEN o.status IN ({before}) THEN true END
    RETURNING o.*, {details} AS details
){also}, {logged("moved", details="details")}
{TOLD} FROM moved
"""


_CODE = f"'{orjson.dumps(_DETAILS).decode()}'::json"
_FREE = "lease_until = NULL, error = NULL, code = NULL, fence = o.fence + 1"
# A leg sells what its entry brought, and the database may not know yet how much that was.
SOLD = f"""
WITH {_SWAPS}
UPDATE orders o SET amount_in = s.amount_in FROM swaps s, order_groups g
 WHERE o.id = s.id AND g.id = o.group_id AND g.entry <> o.id AND s.amount_in IS NOT NULL
   AND CASE o.status WHEN '{Status.OPEN}' THEN true END
"""
# A leg of a group that was filled holds the group: `SETTLE` in `app/orders/waiting/groups.py` ends the others.
FIRED = _step(
    sql_list({Status.OPEN}),
    Status.PENDING,
    f"""{_FREE}, ready_at = now(), look_at = now() + {SWEEP_AFTER}, updated_at = {_THEN},
           token_out = coalesce(s.token_out, o.token_out)""",
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
# The legs of a group of which another leg was filled, if they were under way. A swap that one of them
# has sent is dead, or will be: then no other one is sent.
END_LEGS = f"""
WITH legs AS (
    SELECT o.id, o.status = '{Status.SUBMITTED}' AS sent
      FROM orders o JOIN order_groups g ON g.id = o.group_id JOIN orders filled ON filled.id = g.holder
     WHERE o.status IN ({sql_list(UNDER_WAY)}) AND o.look_at > '-infinity'
       AND NOT (o.cancel_requested AND o.status = '{Status.SUBMITTED}')
       AND o.id <> filled.id AND o.id IS DISTINCT FROM g.entry
       AND filled.id IS DISTINCT FROM g.entry AND CASE filled.status WHEN '{Status.CONFIRMED}' THEN true END
     ORDER BY o.id FOR UPDATE OF o SKIP LOCKED
), requested AS (
    UPDATE orders o SET cancel_requested = true, code = '{SIBLING_FILLED}' FROM legs WHERE o.id = legs.id AND legs.sent
), moved AS (
    UPDATE orders o
       SET status = '{Status.CANCELLED}', seq = o.seq + 1, fence = o.fence + 1, lease_until = NULL, error = NULL,
           code = '{SIBLING_FILLED}', updated_at = now()
      FROM legs WHERE o.id = legs.id AND NOT legs.sent
    RETURNING o.*, json_build_object('code', '{SIBLING_FILLED}') AS details
), {logged("moved", details="details")}
{TOLD} FROM moved
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A swap that has filled an order, with the details of the events."""

    order: UUID
    signature: str
    token_out: str  # symbol: an order that waits for a launch has the mint
    dex: str
    executed_price: str
    amount_in: int
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
            "token_out": self.token_out,
            "dex": self.dex,
            "executed_price": self.executed_price,
            "amount_in": self.amount_in,
            "amount_out": self.amount_out,
            "at": self.at,
            "building": self.building,
            "submitted": self.submitted,
            "confirmed": self.confirmed,
        }


@dataclass(frozen=True, slots=True)
class Written:
    """An event that was written, of this owner's order."""

    owner: str
    event: OrderEvent


class StaysLocked(Exception):
    """Another session has locked a row that had to be changed: nothing was written."""


@contextlib.asynccontextmanager
async def soon(pool: asyncpg.Pool) -> AsyncIterator[PoolConnectionProxy]:
    """A transaction that waits for no row that stays locked: every order waits for it. Raises StaysLocked."""
    try:
        async with transaction(pool) as connection:
            await connection.execute(LOCK_TIMEOUT)
            yield connection
    except DatabaseUnavailable as error:
        if isinstance(error.__cause__, asyncpg.LockNotAvailableError):
            raise StaysLocked from error
        raise


class LandedOrders:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def confirm(self, landed: Sequence[Landed]) -> list[Written]:
        """The events, of those that had not ended: all of them, or none. Raises StaysLocked."""
        async with soon(self._pool) as connection:
            return await confirm(connection, [one.row() for one in landed])

    async def end_legs(self) -> list[Written]:
        return list(map(event_written, await fetch(self._pool, END_LEGS)))


async def confirm(connection: PoolConnectionProxy, landed: Sequence[Mapping[str, Any]]) -> list[Written]:
    """Rows of `Landed`."""
    rows, orders = list[asyncpg.Record](), [one["id"] for one in landed]
    text = orjson.dumps(landed, default=str).decode()  # for asyncpg's own UUID class
    await connection.execute(LOCK_TRIGGERS, orders)
    await connection.execute(LOCK_ORDERS, orders)
    await connection.execute(SOLD, text)
    for statement in (FIRED, STARTED, BUILT, SENT, CONFIRMED):
        rows += await connection.fetch(statement, text)
    await connection.execute(HELD, text)
    await connection.execute(FILLED, text)
    return list(map(event_written, rows))


def event_written(row: asyncpg.Record) -> Written:
    return Written(row["owner"], event_from(row))
