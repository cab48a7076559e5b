"""Slices that were filled although the database does not know of it: each is made and confirmed, and its plan goes on.

The id of a slice says of which plan it is. If the plan was forgotten too, and its key was repeated since, the tag does:
each such swap is the next slice of the plan that has the key now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy

from app.orders.lifecycle import Status
from app.orders.reconciling.landed import TOLD, Landed, Written, confirm, event_written, soon
from app.orders.store.statements import SWEEP_AFTER, logged, slice_id
from app.postgres.running import fetch

# Which of these orders are slices of plans that have not ended.
_SLICES = f"""(SELECT p.order_id AS parent, n AS number, {slice_id("p.order_id", "n")} AS id
                 FROM plans p, generate_series(p.next_slice, p.slices) AS n) AS slices"""
SLICES = f"SELECT * FROM {_SLICES} WHERE id = ANY($1::uuid[]) ORDER BY number"
UNMADE = f"SELECT FROM {_SLICES} WHERE id::text IN (SELECT order_id FROM lost_swaps WHERE adopted_by IS NULL) LIMIT 1"
LOCK_PLANS = "SELECT FROM plans WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE"
# $1 parents, $2 numbers, $3 ids, $4 amounts; NULL: as planned.
SLICED = f"""
WITH made AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::numeric[]) AS m(parent, number, slice_id, amount)
), placed AS (
    INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, max_price_impact_bps, venues,
                        expires_at, client_order_id, max_order_usd, fingerprint, request_id, parent_id, slice, tag,
                        chain, status, seq, ready_at, look_at, created_at, updated_at)
    SELECT slice_id, owner, type, token_in, token_out, coalesce(amount, div(amount_in, slices)), slippage_bps,
           max_price_impact_bps, venues, expires_at, client_order_id, max_order_usd, fingerprint, request_id, parent,
           number, tag, chain, '{Status.PENDING}', 1, now(), now() + {SWEEP_AFTER}, now(), now()
      FROM made JOIN orders o ON o.id = made.parent JOIN (SELECT order_id, slices FROM plans) p ON p.order_id = o.id
     ORDER BY slice_id
    ON CONFLICT DO NOTHING
    RETURNING *, json_build_object('parentId', parent_id, 'slice', slice) AS details
), {logged("placed", details="details")}
{TOLD} FROM placed
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
PLACED_AGAIN = f"""
SELECT p.order_id FROM plans p JOIN orders o ON o.id = p.order_id
 WHERE CASE o.status WHEN '{Status.OPEN}' THEN true END
   AND EXISTS (SELECT FROM lost_swaps l WHERE l.tag = o.tag AND l.adopted_by IS NULL)
"""
# What it sold says whether it was the last one, unless that is as large as the others.
TO_ADOPT = f"""
SELECT *, {slice_id("parent", "number")} AS id FROM (
    SELECT o.id AS parent, p.slices, l.amount_in, l.filling,
           CASE WHEN l.amount_in = part THEN p.next_slice::bigint - 1 + row_number() OVER (
                    PARTITION BY o.id, l.amount_in = part ORDER BY l.landed_at, l.signature) ELSE p.slices END AS number
      FROM plans p JOIN orders o ON o.id = p.order_id JOIN lost_swaps l ON l.tag = o.tag AND l.adopted_by IS NULL,
           LATERAL (SELECT div(o.amount_in, p.slices) AS part) planned
     WHERE p.order_id = ANY($1::uuid[]) AND p.next_slice <= p.slices AND l.filling IS NOT NULL
       AND (l.token_in, l.token_out) = (o.token_in, o.token_out)
       AND l.amount_in IN (part, o.amount_in - part * (p.slices - 1))) AS found
 WHERE number <= slices ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice that the database has not made yet, and that was filled."""

    parent: UUID
    number: int
    id: UUID


class FilledSlices:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, ids: Sequence[UUID]) -> list[Slice]:
        return [Slice(row["parent"], row["number"], row["id"]) for row in await fetch(self._pool, SLICES, ids)]

    async def is_unmade(self) -> bool:
        """Whether one was filled and written down, and could not be made."""
        return bool(await fetch(self._pool, UNMADE))

    async def make(self, slices: Sequence[tuple[Slice, int | None, Landed]]) -> list[Written]:
        """With the amount that each one sold, if that is known. Each is made and confirmed, and its plan moves on.

        Raises StaysLocked.
        """
        async with soon(self._pool) as connection:
            await connection.execute(LOCK_PLANS, [one.parent for one, _, _ in slices])
            made = [one for one, _, _ in slices]
            rows = await _make(
                connection, made, [None if amount is None else Decimal(amount) for _, amount, _ in slices]
            )
            return [*rows, *await confirm(connection, [landed.row() for _, _, landed in slices])]

    async def placed_again(self) -> list[UUID]:
        """The orders whose key is that of swaps that fill no order yet."""
        return [row["order_id"] for row in await fetch(self._pool, PLACED_AGAIN)]

    async def adopt(self, parents: Sequence[UUID]) -> list[Written]:
        async with soon(self._pool) as connection:
            return await adopt(connection, parents)


async def adopt(connection: PoolConnectionProxy, parents: Sequence[UUID]) -> list[Written]:
    """Make the slices of these orders that forgotten ones with their keys were filled by."""
    await connection.execute(LOCK_PLANS, parents)
    if not (found := await connection.fetch(TO_ADOPT, parents)):
        return []
    slices = [Slice(row["parent"], row["number"], row["id"]) for row in found]
    rows = await _make(connection, slices, [row["amount_in"] for row in found])
    return [*rows, *await confirm(connection, [{**orjson.loads(row["filling"]), "id": row["id"]} for row in found])]


async def _make(
    connection: PoolConnectionProxy, slices: Sequence[Slice], amounts: Sequence[Decimal | None]
) -> list[Written]:
    parents, numbers = [one.parent for one in slices], [one.number for one in slices]
    rows = await connection.fetch(SLICED, parents, numbers, [one.id for one in slices], amounts)
    await connection.execute(MOVED_ON, parents, numbers)
    return list(map(event_written, rows))
