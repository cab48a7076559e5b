"""Settling groups: once the order that holds a group has ended, the others are cancelled, or armed.

All rows of a group are locked, or it is left for the next round: nobody is waited for, so these locks need no order.
"""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import asyncpg

from app.orders.conditions import MOST_UNITS
from app.orders.lifecycle import ENTERED, PARENT_ENDED, SIBLING_FILLED, TERMINAL, Status, sql_list
from app.orders.store.reads import event_from
from app.orders.store.statements import logged
from app.orders.waiting.isolation import LeftOut
from app.orders.waiting.triggers import BATCH, Moved
from app.postgres.running import fetch

# Groups whose holder has ended, or is open again. $2: those that are left out
ENDED = f"""
SELECT g.id, g.holder IS NOT DISTINCT FROM g.entry AS entered FROM order_groups g
 WHERE g.holder IS NOT NULL AND NOT g.settled AND g.id <> ALL($2::uuid[])
   AND (SELECT o.status IN ({sql_list(TERMINAL)}) OR (o.status = '{Status.OPEN}' AND g.holder IS DISTINCT FROM g.entry)
          FROM orders o WHERE o.id = g.holder)
 ORDER BY g.holder LIMIT $1
"""


def _ended(which: str) -> str:
    """The CTEs that lock the groups of $1 which have ended, as `ended`.

    A group that was changed since the statement saw it is left alone: its holder may be under way again.
    """
    return f"""seen AS MATERIALIZED (
    SELECT g.id, g.xmin AS version, g.holder, o.amount_out, o.status = '{Status.CONFIRMED}' AS filled
      FROM order_groups g JOIN orders o ON o.id = g.holder
     WHERE g.id = ANY($1::uuid[]) AND NOT g.settled AND {which}
), taken AS MATERIALIZED (
    SELECT seen.* FROM seen JOIN order_groups g ON g.id = seen.id AND g.xmin = seen.version
     ORDER BY g.id FOR UPDATE OF g SKIP LOCKED
), held AS MATERIALIZED (
    SELECT order_id FROM triggers WHERE group_id IN (SELECT id FROM taken) FOR UPDATE SKIP LOCKED
), waiting AS MATERIALIZED (
    SELECT id FROM orders
     WHERE group_id IN (SELECT id FROM taken) AND CASE status WHEN '{Status.OPEN}' THEN true END FOR UPDATE SKIP LOCKED
), ended AS MATERIALIZED (
    SELECT * FROM taken
     WHERE NOT EXISTS (SELECT FROM triggers WHERE group_id = taken.id AND order_id NOT IN (SELECT order_id FROM held))
       AND NOT EXISTS (SELECT FROM orders WHERE group_id = taken.id AND CASE status WHEN '{Status.OPEN}' THEN true END
                                            AND id NOT IN (SELECT id FROM waiting))
)"""


_TOLD = """
SELECT ended.id AS group_id, told.id AS order_id, seq, status, attempt, updated_at AS at, details, owner, type
  FROM ended LEFT JOIN told ON told.group_id = ended.id
"""

# A holder that is open again has lost the price: the group is free, and each leg waits as before.
SETTLE = f"""
WITH {_ended(f"g.holder IS DISTINCT FROM g.entry AND o.status IN ({sql_list({*TERMINAL, Status.OPEN})})")}, settled AS (
    UPDATE order_groups g SET settled = ended.filled, holder = CASE WHEN ended.filled THEN g.holder END
      FROM ended WHERE g.id = ended.id
), armed AS (
    UPDATE triggers t SET armed = true FROM ended WHERE t.group_id = ended.id AND NOT ended.filled
), gone AS (
    DELETE FROM triggers t USING ended WHERE t.group_id = ended.id AND ended.filled
), told AS (
    UPDATE orders o
       SET status = '{Status.CANCELLED}', seq = o.seq + 1, code = '{SIBLING_FILLED}', error = NULL, updated_at = now()
      FROM ended
     WHERE o.group_id = ended.id AND ended.filled AND o.id <> ended.holder AND o.status = '{Status.OPEN}'
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at, o.group_id,
              json_build_object('code', '{SIBLING_FILLED}') AS details
), {logged("told", details="details")}
{_TOLD}"""

# A group with an entry, which has ended. If it was filled, the others swap what it brought, and wait; their floors are
# those of their prices. If it was not, they end with it.
ENTER = f"""
WITH {_ended(f"g.holder = g.entry AND o.status IN ({sql_list(TERMINAL)})")}, freed AS (
    UPDATE order_groups g SET holder = NULL, settled = NOT ended.filled FROM ended WHERE g.id = ended.id
), armed AS (
    UPDATE triggers t SET armed = true FROM ended WHERE t.group_id = ended.id AND ended.filled
), gone AS (
    DELETE FROM triggers t USING ended WHERE t.group_id = ended.id AND NOT ended.filled
), told AS (
    UPDATE orders o
       SET status = CASE WHEN ended.filled THEN o.status ELSE '{Status.CANCELLED}' END, seq = o.seq + 1, error = NULL,
           code = CASE WHEN ended.filled THEN NULL ELSE '{PARENT_ENDED}' END, updated_at = now(),
           amount_in = CASE WHEN ended.filled THEN ended.amount_out ELSE o.amount_in END,
           limit_out = CASE WHEN ended.filled AND o.limit_out IS NOT NULL  -- `least` passes over a NULL
                            THEN least(ceil(o.limit_out * ended.amount_out / o.amount_in), {MOST_UNITS})
                            ELSE o.limit_out END
      FROM ended
     WHERE o.group_id = ended.id AND o.id <> ended.holder AND o.status = '{Status.OPEN}'
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at, o.group_id,
              json_build_object('code', CASE WHEN ended.filled THEN '{ENTERED}' ELSE '{PARENT_ENDED}' END) AS details
), {logged("told", details="details")}
{_TOLD}"""


class Groups:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._left_out = LeftOut[UUID]()

    async def settle(self) -> tuple[int, list[Moved]]:
        """How many groups were settled, and the other orders of these that were changed."""
        ended = await fetch(self._pool, ENDED, BATCH, self._left_out.ids())
        rows = list[asyncpg.Record]()
        for sql, entered in ((ENTER, True), (SETTLE, False)):
            groups = [row["id"] for row in ended if row["entered"] is entered]
            rows += await self._left_out.change(groups, partial(self._change, sql), key=lambda group: group)
        moved = [Moved(row["owner"], row["type"], event_from(row)) for row in rows if row["order_id"]]
        return len({row["group_id"] for row in rows}), moved

    async def _change(self, sql: str, groups: Sequence[UUID]) -> list[asyncpg.Record]:
        return await fetch(self._pool, sql, groups)
