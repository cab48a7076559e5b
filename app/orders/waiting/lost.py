"""Open orders that have lost their trigger, which nothing should bring about: they would wait for ever.

All open orders are looked through, a page at a time. An order whose trigger can be computed gets it again; what cannot
be mended is an error in the log.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import orjson

from app.orders.conditions import OrderType, feed_of, trigger_again, trigger_of
from app.orders.lifecycle import Status
from app.orders.waiting.isolation import LeftOut
from app.postgres.running import fetch

log = logging.getLogger("engine.watcher")

PAGE = 1_000  # orders in one look
FIRST = "", datetime.fromtimestamp(0, UTC), UUID(int=0)  # before every order
TRIGGERED = (OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP, OrderType.SNIPER)

# $1 to $3 the owner, `created_at` and id of the last order that was looked at. The first half is the rest of that
# owner's, the second one jumps in the index from owner to owner, past the orders that have ended.
_COLUMNS = """owner, created_at, id, type, token_in, token_out, limit_price, condition, slippage_bps, extreme, rearms,
           group_id, expires_at"""
FIND = f"""
WITH page AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY owner, created_at, id) AS n FROM (
        (SELECT {_COLUMNS} FROM orders
          WHERE owner = $1 AND status = '{Status.OPEN}' AND (status, created_at, id) > ('{Status.OPEN}', $2, $3)
          ORDER BY created_at, id LIMIT {PAGE})
        UNION ALL
        (SELECT {_COLUMNS} FROM orders WHERE owner > $1 AND status = '{Status.OPEN}'
          ORDER BY owner, created_at, id LIMIT {PAGE})) AS next
     ORDER BY n LIMIT {PAGE}
)
SELECT * FROM page,
       LATERAL (SELECT type = ANY($4) AND (expires_at IS NULL OR expires_at > now())
                   AND NOT EXISTS (SELECT FROM triggers t WHERE t.order_id = page.id) AS lost) AS looked_at
 WHERE lost OR n = {PAGE} ORDER BY n
"""
ARM = f"""
INSERT INTO triggers (order_id, owner, order_type, feed, op, persist, level, base_level, rank, trail_bps)
SELECT id, owner, type, $2, $3, $4::int, $5::numeric, $6::numeric, $7::int, $8::int
  FROM orders WHERE id = $1 AND status = '{Status.OPEN}' FOR UPDATE SKIP LOCKED
ON CONFLICT DO NOTHING RETURNING order_id
"""


class LostTriggers:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._after = FIRST
        self._left_out = LeftOut[UUID]()

    async def mend(self) -> None:
        """Look at the next orders, and begin anew after the last one."""
        rows = await fetch(self._pool, FIND, *self._after, list(TRIGGERED))
        is_full = rows and rows[-1]["n"] == PAGE
        self._after = (rows[-1]["owner"], rows[-1]["created_at"], rows[-1]["id"]) if is_full else FIRST
        for row in rows:
            if row["lost"]:
                await self._left_out.change([row], self._arm, key=lambda lost: lost["id"])

    async def _arm(self, rows: Sequence[asyncpg.Record]) -> list[asyncpg.Record]:
        [row] = rows
        order = {"order": str(row["id"]), "owner": row["owner"]}
        if row["group_id"] is not None or (row["condition"] is None and row["limit_price"] is None):
            log.error("an open order has no trigger, and waits for ever: cancel it", extra=order)
            return []
        condition = orjson.loads(row["condition"] or "{}")
        what = row["type"], feed_of(row["token_in"], row["token_out"]), row["limit_price"], condition
        again = row["slippage_bps"], row["extreme"]
        trigger = trigger_again(*what, *again) if row["rearms"] else trigger_of(*what)
        values = trigger.feed, trigger.op, trigger.persist, trigger.level, trigger.base_level, trigger.rank
        armed = await fetch(self._pool, ARM, row["id"], *values, trigger.trail_bps)
        if armed:  # unless somebody has locked it: then it is looked at again
            log.error("an open order had no trigger, and has got it again", extra=order)
        return armed
