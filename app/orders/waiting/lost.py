"""Open orders that have lost their trigger, which nothing should bring about: they would wait for ever.

All owners are looked through, a few at a time. An order whose trigger can be computed gets it again; what cannot be
mended is an error in the log.
"""

import logging
from collections.abc import Sequence

import asyncpg
import orjson

from app.orders.conditions import OrderType, feed_of, trigger_again, trigger_of
from app.orders.lifecycle import Status
from app.orders.waiting.isolation import LeftOut
from app.postgres import fetch

log = logging.getLogger("engine.watcher")

OWNERS = 10  # in one look
PER_OWNER = 100
FIRST = ""  # before every owner
TRIGGERED = (OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT, OrderType.SNIPER)

FIND = f"""
WITH RECURSIVE owners AS (
    (SELECT owner, 1 AS n FROM orders WHERE owner > $1 ORDER BY owner LIMIT 1)
    UNION ALL
    SELECT next.owner, n + 1 FROM owners, LATERAL (
        SELECT owner FROM orders WHERE owner > owners.owner ORDER BY owner LIMIT 1) next WHERE n < {OWNERS}
)
SELECT owners.owner, n, lost.* FROM owners LEFT JOIN LATERAL (
    SELECT id, type, token_in, token_out, limit_price, condition, slippage_bps, rearms, group_id FROM orders o
     WHERE o.owner = owners.owner AND o.status = '{Status.OPEN}' AND o.type = ANY($2)
       AND (o.expires_at IS NULL OR o.expires_at > now())
       AND NOT EXISTS (SELECT FROM triggers t WHERE t.order_id = o.id)
     LIMIT {PER_OWNER}) lost ON true
 ORDER BY n
"""
ARM = f"""
INSERT INTO triggers (order_id, owner, order_type, feed, op, persist, level, base_level, rank)
SELECT id, owner, type, $2, $3, $4::int, $5::numeric, $6::numeric, $7::int
  FROM orders WHERE id = $1 AND status = '{Status.OPEN}'
ON CONFLICT DO NOTHING
"""


class LostTriggers:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._after = FIRST
        self._left_out = LeftOut()

    async def mend(self) -> None:
        """Look at the next owners, and begin anew after the last one."""
        rows = await fetch(self._pool, FIND, self._after, list(TRIGGERED))
        self._after = rows[-1]["owner"] if rows and rows[-1]["n"] == OWNERS else FIRST
        for row in rows:
            if row["id"] is not None:
                await self._left_out.change([row], self._arm, key=lambda lost: lost["id"])

    async def _arm(self, rows: Sequence[asyncpg.Record]) -> list[asyncpg.Record]:
        [row] = rows
        order = {"order": str(row["id"]), "owner": row["owner"]}
        if row["group_id"] is not None or (row["condition"] is None and row["limit_price"] is None):
            log.error("an open order has no trigger, and waits for ever: cancel it", extra=order)
            return []
        condition = orjson.loads(row["condition"] or "{}")
        what = row["type"], feed_of(row["token_in"], row["token_out"]), row["limit_price"], condition
        trigger = trigger_again(*what, row["slippage_bps"]) if row["rearms"] else trigger_of(*what)
        values = trigger.feed, trigger.op, trigger.persist, trigger.level, trigger.base_level, trigger.rank
        armed = await fetch(self._pool, ARM, row["id"], *values)
        log.error("an open order had no trigger, and has got it again", extra=order)
        return armed
