"""Trailing stops: the highest price they have seen, and firing those that the price has left far enough behind.

All orders that have seen the same highest price, their extreme, share one row of `watermarks`. While the price makes
new highs the rows change, not the orders. A new order (op `start`) joins a row once the price is at its activation
price, also while its group holds it.

- An extreme is committed before it is used: a row fires nothing until all recorded prices are part of its extreme, and
  nothing at a slot before the one that made it.
- A price counts as seen once all venues were at it or above for `persist` recorded slots in a row, the mirror of what
  fires a stop: one thin pool neither raises an extreme nor fires an order.
- Locks are taken in the order trigger, watermark, order. A statement that has locked a watermark waits for no trigger.
"""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import asyncpg

from app.orders.conditions import MOST_UNITS
from app.orders.kill_switch.states import may_fire
from app.orders.waiting.isolation import LeftOut
from app.orders.waiting.prices import LEVEL, MAX_AGE_SLOTS
from app.orders.waiting.statements import ARMED_BEFORE, IN_TIME, IS_FRESH, NOT_AHEAD, fires, of_chain, starts_in
from app.orders.waiting.triggers import BATCH, Backlog, Moved, fire_batch
from app.postgres.running import fetch

MERGED = 1_000  # a row with fewer orders is merged into another one with the same extreme
UNUSED_SLOTS = 100  # after which a row without orders is deleted; one that is joined gets the present slot

# $1 feed, $2 slot, $3 the greatest age in seconds, $4 persist, $5 how many venues must have had a price
_RISES = f"""rises AS MATERIALIZED (
    SELECT slot, at, rise FROM (
        SELECT slot, at, min(low) OVER last AS rise, count(*) OVER last AS slots, min(venues) OVER last AS venues
          FROM prices WHERE feed = $1 AND slot > $2::bigint - {MAX_AGE_SLOTS} - $4::int AND slot <= $2::bigint
        WINDOW last AS (ORDER BY slot RANGE BETWEEN ($4::int - 1) PRECEDING AND CURRENT ROW)) AS seen
     WHERE slots = $4::int AND venues >= $5::int AND {IS_FRESH.format(at="at")} AND {NOT_AHEAD}
)"""

# All recorded prices up to here are in an extreme that is made of `rises`: both are read at once. Not up to $2: this
# watcher may have no price for that slot, and another one records it later.
_SEEN = "(SELECT max(slot) FROM prices WHERE feed = $1 AND slot <= $2::bigint)"

# Rows that meet at an extreme become one: the one with the most orders stays, so an order is rarely moved. What is
# locked, a row or an order, is left for the next slot: until then its row fires nothing. Returns the level that a
# falling price meets first.
RAISE = f"""
WITH {_RISES}, below AS MATERIALIZED (
    SELECT id, extreme, slot FROM watermarks
     WHERE feed = $1 AND persist = $4 AND extreme < (SELECT max(rise) FROM rises)
     ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), counted AS MATERIALIZED (
    SELECT id, rise,
           (SELECT count(*) FROM (SELECT FROM triggers t WHERE t.watermark = below.id LIMIT {MERGED}) AS few) AS orders
      FROM below, LATERAL (SELECT max(rise) AS rise FROM rises WHERE rises.slot > below.slot) AS higher
     WHERE rise > extreme
), raised AS MATERIALIZED (
    SELECT *, first_value(id) OVER (PARTITION BY rise ORDER BY orders DESC, id) AS keeper FROM counted WHERE orders > 0
), merged AS MATERIALIZED (
    SELECT t.order_id, keeper FROM raised JOIN triggers t ON t.watermark = raised.id
     WHERE raised.id <> keeper AND orders < {MERGED} FOR UPDATE OF t SKIP LOCKED
), moved AS (
    UPDATE triggers t SET watermark = keeper FROM merged WHERE t.order_id = merged.order_id
), risen AS (
    UPDATE watermarks w SET extreme = rise, slot = {_SEEN}
      FROM raised WHERE w.id = raised.id AND (w.id = keeper OR orders = {MERGED})
)
SELECT coalesce(max({LEVEL.format(extreme="greatest(w.extreme, rise)")}), 0) AS level
  FROM watermarks w LEFT JOIN raised USING (id), LATERAL (
    SELECT trail_bps FROM triggers t WHERE t.watermark = w.id AND t.armed ORDER BY trail_bps LIMIT 1) AS nearest
 WHERE feed = $1 AND persist = $4
"""

# $6 at most so many. The row that they join has all prices before: RAISE may have left it out, because it was locked.
BEGIN = f"""
WITH {_RISES}, begun AS MATERIALIZED (
    SELECT t.order_id, greatest(t.base_level, rise) AS extreme
      FROM triggers t, LATERAL (
           SELECT max(rise) AS rise FROM rises WHERE NOT t.since BETWEEN rises.at AND clock_timestamp()) AS seen
     WHERE t.op = 'start' AND t.feed = $1 AND t.persist = $4
       AND t.level <= (SELECT max(rise) FROM rises) AND t.level <= rise
     ORDER BY t.level LIMIT $6 FOR UPDATE OF t SKIP LOCKED
), there AS MATERIALIZED (
    SELECT id, extreme FROM watermarks w
     WHERE feed = $1 AND persist = $4 AND extreme IN (SELECT extreme FROM begun)
       AND NOT EXISTS (SELECT FROM rises WHERE rises.slot > w.slot AND rise > w.extreme)
     ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), joined AS (
    UPDATE watermarks w SET slot = greatest(w.slot, {_SEEN}) FROM there WHERE w.id = there.id
), made AS (
    INSERT INTO watermarks (feed, persist, extreme, slot)
    SELECT DISTINCT $1, $4::int, extreme, {_SEEN} FROM begun WHERE extreme NOT IN (SELECT extreme FROM there)
    RETURNING id, extreme
), rows AS MATERIALIZED (
    SELECT extreme, min(id) AS id FROM (SELECT * FROM there UNION ALL SELECT id, extreme FROM made) AS either
     GROUP BY extreme
)
UPDATE triggers t SET op = 'trail', watermark = rows.id
  FROM begun JOIN rows USING (extreme) WHERE t.order_id = begun.order_id
RETURNING {LEVEL.format(extreme="extreme")} AS level
"""

# $6 at most so many, $7 and $8 for `starts_in`, $9 how many base units out are one base unit in at a price of 1, $10
# the chain.
# The floor is that of a stop at this level: `floor_price` and `amount_at` in `conditions.py`.
_SET = f"""extreme = gone.extreme, limit_out = least({MOST_UNITS}, greatest(o.limit_out, ceil(
               o.amount_in * ceil(gone.level * (10000 - o.slippage_bps) * 1e14) * 1e-18 * $9::numeric)))"""
_DETAILS = (
    "json_strip_nulls(json_build_object('trigger', json_build_object("
    "'slot', $2::bigint, 'price', trim_scale((SELECT price FROM price))::text,"
    " 'level', trim_scale(level)::text, 'source', 'venues', 'extreme', trim_scale(extreme)::text),"
    f" 'startsInMs', {starts_in('$7', '$8')}))"
)
_PRICE = f"""price AS MATERIALIZED (
    SELECT max(high) AS price, max(at) AS at
      FROM prices WHERE feed = $1 AND slot > $2::bigint - $4::int AND slot <= $2::bigint
    HAVING count(*) = $4 AND min(venues) >= $5 AND {IS_FRESH.format(at="max(at)")} AND {NOT_AHEAD}
), marks AS MATERIALIZED (
    SELECT w.id, w.extreme FROM watermarks w, price
     WHERE w.feed = $1 AND w.persist = $4 AND w.extreme > price.price AND w.slot <= $2::bigint
       AND NOT EXISTS (SELECT FROM rises WHERE rises.slot > w.slot AND rise > w.extreme)
)"""
# The division is rounded: it bounds what is read of the index. The product is exact.
_MET = f"""price, marks JOIN triggers t ON t.watermark = marks.id JOIN orders o ON o.id = t.order_id
     WHERE t.armed AND t.trail_bps <= ceil(10000 - price.price * 10000 / marks.extreme)::int
       AND price.price * 10000 <= marks.extreme * (10000 - t.trail_bps)
       AND (t.look_at IS NULL OR t.look_at <= now()) AND {may_fire("t.owner", "t.order_type")} AND {IN_TIME}
       AND {ARMED_BEFORE.format(at="price.at")} AND """


def _fire(*, only: str = "") -> str:
    return f"""
WITH {_RISES}, {_PRICE}, met AS MATERIALIZED (
    SELECT t.ctid AS row, t.order_id, marks.extreme, {LEVEL.format(extreme="marks.extreme")} AS level,
           t.group_id, t.rank
      FROM {_MET}{of_chain("$10")}{only}
     LIMIT $6 FOR UPDATE OF t, o SKIP LOCKED
), {fires(_DETAILS, also=_SET)}"""


FIRE = _fire()
# For a batch that failed because of one of its orders. $11: of these only
FIRE_THESE = _fire(only=" AND t.order_id = ANY($11::uuid[])")
# $7 the chain
MET = f"WITH {_RISES}, {_PRICE} SELECT t.order_id FROM {_MET}{of_chain('$7')} LIMIT $6"

DELETE_UNUSED = f"""
DELETE FROM watermarks WHERE id = ANY(ARRAY(
    SELECT id FROM watermarks w
     WHERE slot < (SELECT max(slot) FROM prices WHERE feed = w.feed) - {UNUSED_SLOTS}
       AND NOT EXISTS (SELECT FROM triggers t WHERE t.watermark = w.id)
     LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Trail:
    """The trailing stops of a pair that see prices in the same way."""

    feed: str
    persist: int
    min_venues: int


class TrailingStops:
    def __init__(self, pool: asyncpg.Pool, *, max_age: float, chain: str | None = None) -> None:
        self._pool = pool
        self._chain = chain  # whose prices these are: its genesis hash; None: the simulated one
        self._max_age = max_age  # seconds: an older price moves nothing
        self._left_out = LeftOut[UUID]()

    async def follow(self, trail: Trail, slot: int, *, begins: bool = True) -> Decimal:
        """Raise the extremes to the recorded prices up to this slot. Returns the level that a fall meets first.

        `begins`: some wait for their activation price.
        """
        arguments = trail.feed, slot, self._max_age, trail.persist, trail.min_venues
        [row] = await fetch(self._pool, RAISE, *arguments)
        levels = list[Decimal]([row["level"]])
        while begins and (begun := await fetch(self._pool, BEGIN, *arguments, BATCH)):
            levels += [row["level"] for row in begun]
        return max(levels)

    async def fire(self, trail: Trail, slot: int, *, unit: Decimal, backlog: Backlog) -> list[Moved]:
        """Fire up to BATCH orders whose level is met by the recorded prices up to this slot."""
        arguments = trail.feed, slot, self._max_age, trail.persist, trail.min_venues, BATCH
        sql = FIRE, FIRE_THESE, (*arguments, backlog.ahead, backlog.per_minute, unit, self._chain)
        return await fire_batch(self._pool, self._left_out, *sql, (MET, *arguments, self._chain))

    async def delete_unused(self) -> int:
        return len(await fetch(self._pool, DELETE_UNUSED, BATCH))
