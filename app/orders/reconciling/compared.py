"""What the database knows of swaps that the chain knows, and the swaps that it does not: these are for operators."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.orders.lifecycle import UNDER_WAY, Status, sql_list
from app.orders.memo import is_id
from app.orders.model import Order
from app.orders.reconciling.landed import RECONCILED
from app.orders.store.reads import ORDER_COLUMNS, order_from
from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import fetch

ORDERS = f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = ANY($1::uuid[])"
# $2: those whose filling is known now. It may not have been known when they were written down.
NOTED = """
SELECT signature FROM lost_swaps WHERE signature = ANY($1::text[])
   AND NOT (signature = ANY($2::text[]) AND filling IS NULL AND status IS NULL AND adopted_by IS NULL)
"""
NOTE = """
INSERT INTO lost_swaps (signature, order_id, tag, status, venue, token_in, token_out, amount_in, amount_out, landed_at,
                        filling)
SELECT signature, order_id, tag, status, venue, token_in, token_out, amount_in, amount_out, landed_at, filling
  FROM json_to_recordset($1) AS s(
    signature text, order_id text, tag text, status text, venue text, token_in text, token_out text, amount_in numeric,
    amount_out numeric, landed_at timestamptz, filling json)
 ORDER BY signature
    ON CONFLICT (signature) DO UPDATE
   SET venue = excluded.venue, token_in = excluded.token_in, token_out = excluded.token_out,
       amount_in = excluded.amount_in, amount_out = excluded.amount_out, filling = excluded.filling
 WHERE lost_swaps.filling IS NULL AND lost_swaps.adopted_by IS NULL AND excluded.filling IS NOT NULL
RETURNING xmax = 0 AS is_new
"""
# Those that reconciling has confirmed may not have been counted in their day yet: they are read again.
KNOWN = f"""
SELECT tx_hash FROM orders o
 WHERE id = ANY($1::uuid[]) AND tx_hash = ANY($2::text[]) AND status = '{Status.CONFIRMED}'
   AND NOT EXISTS (SELECT FROM order_events WHERE order_id = o.id AND details ->> 'code' = '{RECONCILED}')
"""
# Under way, by the partial index, and open. An order that is executed in slices has no swap of its own.
UNFINISHED = f"""
SELECT id, created_at FROM orders WHERE status IN ({sql_list(UNDER_WAY)}) AND look_at > '-infinity'
UNION SELECT o.id, o.created_at FROM triggers t JOIN orders o ON o.id = t.order_id
 ORDER BY created_at
"""
# Bounded by the primary key, whose newest are the last.
LAST_FILL = f"""
SELECT tx_hash FROM (SELECT status, updated_at, tx_hash FROM orders ORDER BY id DESC LIMIT $1) AS newest
 WHERE status = '{Status.CONFIRMED}' AND updated_at < clock_timestamp() - $2::interval ORDER BY updated_at DESC LIMIT 1
"""
# What its entry brought is what a leg sells. It may not be noted yet: somebody has locked a row of the group.
LEGS_OF_FILLED = f"""
SELECT o.id FROM orders o JOIN order_groups g ON g.id = o.group_id JOIN orders entry ON entry.id = g.entry
 WHERE o.id = ANY($1::uuid[]) AND o.id <> entry.id AND CASE entry.status WHEN '{Status.CONFIRMED}' THEN true END
"""
# The rows of the orders may have been put back alone.
FREE = f"""
UPDATE lost_swaps l SET adopted_by = NULL
 WHERE adopted_by IS NOT NULL AND NOT EXISTS (
    SELECT FROM orders o WHERE o.id = l.adopted_by AND o.tx_hash = l.signature AND o.status = '{Status.CONFIRMED}')
"""
_COLUMNS = """signature, order_id, tag, status, venue, token_in, token_out, amount_in, amount_out, landed_at, filling,
       adopted_by AS filled_order"""
BY_TAG = f"SELECT {_COLUMNS} FROM lost_swaps WHERE tag = ANY($1::text[]) AND adopted_by IS NULL ORDER BY landed_at"
NEWEST = f"SELECT {_COLUMNS} FROM lost_swaps ORDER BY landed_at DESC, signature LIMIT $1"

RECENT = 1_000  # orders among which a fill is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchedSwap:
    """A swap that landed, and filled no order that this database knows."""

    signature: str
    order_id: str  # as the memo says
    tag: str | None  # of its key, by which it may still fill an order
    status: Status | None  # that the order had; None: there was no such order
    venue: str | None
    token_in: str | None
    token_out: str | None
    amount_in: int | None
    amount_out: int
    landed_at: datetime
    filling: Mapping[str, Any] | None = None  # what it brings to an order that it fills; None: not known
    filled_order: UUID | None = None  # with the same key, that it has filled since

    def fits(self, token_in: str, token_out: str, amount_in: int) -> bool:
        """Whether an order with its key asks for this swap. If not, the key was used for another order."""
        return (self.token_in, self.token_out, self.amount_in) == (token_in, token_out, amount_in)


class ComparedSwaps:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def orders(self, ids: Sequence[UUID]) -> dict[UUID, Order]:
        return {row["id"]: order_from(row) for row in await fetch(self._pool, ORDERS, ids)}

    async def last_fill(self, older: timedelta) -> str | None:
        """The signature of a recent one, as old as this. The swaps that landed before it are known: each one is written
        down before it is sent, and a database that has lost writes has lost its newest ones.
        """
        rows = await fetch(self._pool, LAST_FILL, RECENT, older)
        return str(rows[0]["tx_hash"]) if rows else None

    async def known(self, swaps: Mapping[str, str]) -> set[str]:
        """Of these signatures, each with the order that its memo names, those of fills; none without Postgres."""
        with contextlib.suppress(DatabaseUnavailable):
            ids = [about for about in swaps.values() if is_id(about)]
            return {row["tx_hash"] for row in await fetch(self._pool, KNOWN, ids, [*swaps])}
        return set()

    async def noted(self, signatures: Sequence[str], known: Sequence[str]) -> set[str]:
        """Those that were written down before. `known`: of which there is more to write down, unless that was done."""
        return {row["signature"] for row in await fetch(self._pool, NOTED, signatures, known)}

    async def note(self, unmatched: Sequence[UnmatchedSwap]) -> int:
        """Write them down for operators; how many were not yet."""
        rows = await fetch(self._pool, NOTE, orjson.dumps(list(map(_row, unmatched))).decode()) if unmatched else ()
        return sum(row["is_new"] for row in rows)

    async def unfinished(self) -> list[tuple[UUID, datetime]]:
        """All orders that have not ended, with when they were placed, the oldest first."""
        return [(row["id"], row["created_at"]) for row in await fetch(self._pool, UNFINISHED)]

    async def legs_of_filled(self, orders: Sequence[Order], swap: UnmatchedSwap) -> list[Order]:
        """Those of these orders that sell what an entry brought, which was filled, for what this swap has bought."""
        pair = swap.token_in, swap.token_out
        if not (legs := [one for one in orders if one.group_id and (one.token_in, one.token_out) == pair]):
            return []
        rows = await fetch(self._pool, LEGS_OF_FILLED, [leg.id for leg in legs])
        return [leg for leg in legs if leg.id in {row["id"] for row in rows}]

    async def free(self) -> None:
        """The swaps of orders that do not have them any more: they may fill others with their keys."""
        await fetch(self._pool, FREE)

    async def by_tag(self, tags: Sequence[str]) -> dict[str, list[UnmatchedSwap]]:
        """The swaps of orders that are not known, and that were placed with these keys."""
        return await by_tag(self._pool, tags)

    async def newest(self, limit: int) -> list[UnmatchedSwap]:
        return [_swap(row) for row in await fetch(self._pool, NEWEST, limit)]


async def by_tag(pool: asyncpg.Pool, tags: Sequence[str]) -> dict[str, list[UnmatchedSwap]]:
    """The oldest first. Of a group more than one may have landed."""
    found = dict[str, list[UnmatchedSwap]]()
    for row in await fetch(pool, BY_TAG, tags) if tags else ():
        found.setdefault(row["tag"], []).append(_swap(row))
    return found


def _row(swap: UnmatchedSwap) -> dict[str, Any]:
    return {
        "signature": swap.signature,
        "order_id": swap.order_id,
        "tag": swap.tag,
        "status": swap.status,
        "venue": swap.venue,
        "token_in": swap.token_in,
        "token_out": swap.token_out,
        "amount_in": swap.amount_in,
        "amount_out": swap.amount_out,
        "landed_at": swap.landed_at,
        "filling": swap.filling,
    }


def _swap(row: asyncpg.Record) -> UnmatchedSwap:
    values = dict(row)
    for name in ("amount_in", "amount_out"):
        if isinstance(values[name], Decimal):
            values[name] = int(values[name])
    values["filling"] = orjson.loads(values["filling"]) if values["filling"] else None
    return UnmatchedSwap(**values | {"status": values["status"] and Status(values["status"])})
