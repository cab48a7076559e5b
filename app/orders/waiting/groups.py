"""Settling groups: once the order that holds a group has ended, the others are cancelled, or armed.

Locks are taken in the order group, trigger, order. A group that another watcher has locked is skipped.
"""

import asyncpg

from app.orders.lifecycle import ENTERED, PARENT_ENDED, SIBLING_FILLED, TERMINAL, Status, sql_list
from app.orders.store.reads import event_from
from app.orders.store.statements import logged
from app.orders.waiting.triggers import BATCH, Moved
from app.postgres import fetch

# A holder that is open again has lost the price: the group is free, and each leg waits as before.
SETTLE = f"""
WITH ended AS MATERIALIZED (
    SELECT g.id, g.holder, o.status = '{Status.CONFIRMED}' AS filled
      FROM order_groups g JOIN orders o ON o.id = g.holder
     WHERE g.holder IS NOT NULL AND g.holder IS DISTINCT FROM g.entry AND NOT g.settled
       AND o.status IN ({sql_list({*TERMINAL, Status.OPEN})})
     ORDER BY g.id LIMIT $1 FOR UPDATE OF g SKIP LOCKED
), settled AS (
    UPDATE order_groups g SET settled = ended.filled, holder = CASE WHEN ended.filled THEN g.holder END
      FROM ended WHERE g.id = ended.id
), armed AS (
    UPDATE triggers t SET armed = true FROM ended WHERE t.group_id = ended.id AND NOT ended.filled
), locked AS MATERIALIZED (
    SELECT order_id FROM triggers WHERE group_id IN (SELECT id FROM ended WHERE filled) ORDER BY order_id FOR UPDATE
), gone AS (
    DELETE FROM triggers WHERE order_id IN (SELECT order_id FROM locked)
), told AS (
    UPDATE orders o
       SET status = '{Status.CANCELLED}', seq = o.seq + 1, code = '{SIBLING_FILLED}', error = NULL, updated_at = now()
      FROM ended
     WHERE o.group_id = ended.id AND ended.filled AND o.id <> ended.holder AND o.status = '{Status.OPEN}'
       AND (SELECT count(*) >= 0 FROM locked)
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at,
              json_build_object('code', '{SIBLING_FILLED}') AS details
), {logged("told", details="details")}
SELECT (SELECT count(*) FROM ended) AS ended, told.id AS order_id, seq, status, attempt, updated_at AS at, details,
       owner, type
  FROM (SELECT) one LEFT JOIN told ON true
"""


# A group with an entry, which has ended. If it was filled, the others swap what it brought, and wait; their floors are
# those of their prices. If it was not, they end with it.
ENTER = f"""
WITH ended AS MATERIALIZED (
    SELECT g.id, g.entry, o.amount_out, o.status = '{Status.CONFIRMED}' AS filled
      FROM order_groups g JOIN orders o ON o.id = g.entry
     WHERE g.holder = g.entry AND NOT g.settled AND o.status IN ({sql_list(TERMINAL)})
     ORDER BY g.id LIMIT $1 FOR UPDATE OF g SKIP LOCKED
), freed AS (
    UPDATE order_groups g SET holder = NULL, settled = NOT ended.filled FROM ended WHERE g.id = ended.id
), locked AS MATERIALIZED (
    SELECT order_id FROM triggers WHERE group_id IN (SELECT id FROM ended) ORDER BY order_id FOR UPDATE
), armed AS (
    UPDATE triggers t SET armed = true FROM ended
     WHERE t.group_id = ended.id AND ended.filled AND t.order_id IN (SELECT order_id FROM locked)
), gone AS (
    DELETE FROM triggers t USING ended
     WHERE t.group_id = ended.id AND NOT ended.filled AND t.order_id IN (SELECT order_id FROM locked)
), told AS (
    UPDATE orders o
       SET status = CASE WHEN ended.filled THEN o.status ELSE '{Status.CANCELLED}' END, seq = o.seq + 1, error = NULL,
           code = CASE WHEN ended.filled THEN NULL ELSE '{PARENT_ENDED}' END, updated_at = now(),
           amount_in = CASE WHEN ended.filled THEN ended.amount_out ELSE o.amount_in END,
           limit_out = CASE WHEN ended.filled THEN ceil(o.limit_out * ended.amount_out / o.amount_in)
                            ELSE o.limit_out END
      FROM ended
     WHERE o.group_id = ended.id AND o.id <> ended.entry AND o.status = '{Status.OPEN}'
       AND (SELECT count(*) >= 0 FROM locked)
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at,
              json_build_object('code', CASE WHEN ended.filled THEN '{ENTERED}' ELSE '{PARENT_ENDED}' END) AS details
), {logged("told", details="details")}
SELECT (SELECT count(*) FROM ended) AS ended, told.id AS order_id, seq, status, attempt, updated_at AS at, details,
       owner, type
  FROM (SELECT) one LEFT JOIN told ON true
"""


class Groups:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def settle(self) -> tuple[int, list[Moved]]:
        """How many groups were settled, and the other orders of these that were changed."""
        entered = await fetch(self._pool, ENTER, BATCH)
        settled = await fetch(self._pool, SETTLE, BATCH)
        rows = (row for row in (*entered, *settled) if row["order_id"])
        moved = [Moved(row["owner"], row["type"], event_from(row)) for row in rows]
        return entered[0]["ended"] + settled[0]["ended"], moved
