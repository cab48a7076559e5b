"""The prices that fire orders: one row for each pair and slot, written by whichever watcher is first.

- Every watcher compares with the recorded rows, and not with what it saw itself, so all of them use the same numbers.
- Recorded slots never decrease: none is committed after a later one of its pair, or nobody would compare it. While the
  clock of Postgres is behind the newest one, nothing is recorded and nothing fires: `IS_FRESH` in `statements.py`.
- Prices are decimals, and their moments are those of the clock of Postgres.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from app.orders.conditions import compared
from app.postgres.running import fetch

MAX_AGE_SLOTS = 10  # an older price fires nothing
HIGHEST = Decimal(10) ** 19  # that the database can store
KEEP = "interval '1 hour'"
AHEAD = "interval '1 second'"  # beyond which a price was recorded before the clock was set back
DELETE_PAGE = 1_000
COUNTED = 10_000
LEVEL = "trunc({extreme} * (10000 - trail_bps) * 0.0001, 18)"  # of a trailing stop: `trail_level` in `conditions.py`

# The pairs that orders wait for, and of each the level that the price meets first. Each step jumps to the next pair in
# the index, so the cost is that of the pairs, not of the orders. Of trailing stops it is that of their watermarks.
_GROUPS = f"""ge AS (
    (SELECT feed, persist, level FROM triggers WHERE armed AND op = 'ge' ORDER BY feed, persist, level LIMIT 1)
    UNION ALL
    SELECT next.* FROM ge, LATERAL (
        SELECT feed, persist, level FROM triggers
         WHERE armed AND op = 'ge' AND (feed, persist) > (ge.feed, ge.persist)
         ORDER BY feed, persist, level LIMIT 1) next
), le AS (
    (SELECT feed, persist, level FROM triggers WHERE armed AND op = 'le'
      ORDER BY feed DESC, persist DESC, level DESC LIMIT 1)
    UNION ALL
    SELECT next.* FROM le, LATERAL (
        SELECT feed, persist, level FROM triggers
         WHERE armed AND op = 'le' AND (feed, persist) < (le.feed, le.persist)
         ORDER BY feed DESC, persist DESC, level DESC LIMIT 1) next
), start AS (
    (SELECT feed, persist, level FROM triggers WHERE op = 'start' ORDER BY feed, persist, level LIMIT 1)
    UNION ALL
    SELECT next.* FROM start, LATERAL (
        SELECT feed, persist, level FROM triggers
         WHERE op = 'start' AND (feed, persist) > (start.feed, start.persist)
         ORDER BY feed, persist, level LIMIT 1) next
), trail AS (
    SELECT feed, persist, coalesce(max({LEVEL.format(extreme="extreme")}), 0) AS level,
           min(extreme) FILTER (WHERE nearest.trail_bps IS NOT NULL
                                   OR EXISTS (SELECT FROM triggers t WHERE t.watermark = w.id)) AS lowest
      FROM watermarks w LEFT JOIN LATERAL (
        SELECT trail_bps FROM triggers t WHERE t.watermark = w.id AND t.armed ORDER BY trail_bps LIMIT 1
      ) nearest ON true
     GROUP BY feed, persist
)"""
# $1: armed triggers are counted up to here, and estimated beyond. A price ahead of the clock is as bad as an old one.
STATE = f"""
WITH RECURSIVE {_GROUPS}, newest AS (
    SELECT coalesce((SELECT at FROM prices p WHERE p.feed = g.feed ORDER BY slot DESC LIMIT 1),
                    clock_timestamp() - {KEEP}) AS at
      FROM (SELECT feed FROM ge UNION SELECT feed FROM le
            UNION SELECT feed FROM start UNION SELECT feed FROM trail) g
)
SELECT (SELECT count(*) FROM (SELECT FROM triggers LIMIT $1) AS counted)::int AS armed,
       (SELECT reltuples::int FROM pg_class WHERE oid = 'triggers'::regclass) AS estimate,
       (SELECT coalesce(max(abs(extract(epoch FROM clock_timestamp() - at))), 0)::float8 FROM newest) AS age
"""
# One statement for each slot, so that a Postgres which is far away is asked once: it records the prices of the pairs $1
# of slot $6 at moment $7, and says what orders wait for, and the prices of these pairs of the last $8 slots.
# - Prices that are ahead of the clock are not recorded: it was set back since $7 was reckoned.
# - Watchers that record at once take turns at the row of `newest`, one pair after the other. If the first one has
#   recorded a later slot, this one is not. If it has recorded this slot, its price stays as it is: the update, which
#   changes nothing, returns it, and a read in this statement would not see it yet.
# - The commit does not wait for the disk. A price that a crash of Postgres loses leaves a gap; if it fired an order it
#   is not lost, because the commit of that order waits for everything before it.
TICK = f"""
WITH RECURSIVE {_GROUPS}, no_wait AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true) AS value
), clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
), newest AS (
    INSERT INTO newest_slots AS n (feed, slot, at)
    SELECT feed, $6::bigint, least($7::timestamptz, now) FROM unnest($1::text[], $2::numeric[]) AS r(feed, best), clock
     WHERE best IS NOT NULL AND NOT EXISTS (SELECT FROM prices p WHERE p.feed = r.feed AND p.slot >= $6::bigint)
       AND $7::timestamptz <= now + {AHEAD} AND (SELECT value FROM no_wait) = 'off'
     ORDER BY feed
    ON CONFLICT (feed) DO UPDATE SET slot = excluded.slot, at = excluded.at WHERE n.slot <= excluded.slot
    RETURNING feed, at
), written AS (
    INSERT INTO prices (feed, slot, best, low, high, venues, at)
    SELECT feed, $6::bigint, best, low, high, venues, newest.at
      FROM newest JOIN unnest($1::text[], $2::numeric[], $3::numeric[], $4::numeric[], $5::int[])
                         AS r(feed, best, low, high, venues) USING (feed)
     ORDER BY feed
    ON CONFLICT (feed, slot) DO UPDATE SET slot = prices.slot
    RETURNING feed, slot, best, low, high, venues, at
), wanted AS (
    SELECT 'ge' AS op, ge.* FROM ge UNION ALL SELECT 'le', le.* FROM le
     UNION ALL SELECT 'start', start.* FROM start UNION ALL SELECT 'trail', feed, persist, level FROM trail
     UNION ALL SELECT 'extreme', feed, persist, lowest FROM trail WHERE lowest IS NOT NULL
)
SELECT now, ARRAY(SELECT ROW(feed, op, persist::int, level) FROM wanted) AS groups,
       ARRAY(SELECT ROW(feed, slot, best, low, high, venues, at) FROM written
              UNION ALL
             SELECT ROW(feed, slot, best, low, high, venues, at) FROM prices
              WHERE feed = ANY($1) AND slot > $6::bigint - $8::int AND slot <= $6::bigint) AS prices,
       EXISTS (SELECT FROM wanted, LATERAL (SELECT at FROM prices p WHERE p.feed = wanted.feed
                                             ORDER BY slot DESC LIMIT 1) AS newest
                WHERE newest.at > now + {AHEAD}) AS is_ahead
  FROM clock
"""
DELETE_OLD = f"""
WITH without_prices AS (DELETE FROM newest_slots WHERE feed IN (
    SELECT feed FROM newest_slots WHERE at < now() - {KEEP} FOR UPDATE SKIP LOCKED))
DELETE FROM prices WHERE ctid = ANY(ARRAY(SELECT ctid FROM prices WHERE at < now() - {KEEP} LIMIT {DELETE_PAGE}))
RETURNING slot
"""
DELETE_AHEAD = f"""
WITH gone AS (
    DELETE FROM prices WHERE at > clock_timestamp() + {AHEAD} RETURNING feed, slot
), newest AS (
    DELETE FROM newest_slots WHERE feed IN (SELECT feed FROM gone)
), back AS (  -- what a watermark has seen was recorded before
    UPDATE watermarks w
       SET slot = coalesce((SELECT max(slot) FROM prices WHERE feed = w.feed AND at <= clock_timestamp() + {AHEAD}), 0)
     WHERE w.slot >= (SELECT min(slot) FROM gone)
)
SELECT slot FROM gone
"""


@dataclass(frozen=True, slots=True)
class Group:
    """The armed triggers of a pair that are compared in the same way."""

    feed: str  # token_in/token_out
    op: str  # ge: fires at its level or above; le, trail: or below; start, extreme: trailing stops then change
    persist: int  # recorded slots in a row; 0: compared with the best mid, then quoted at the order's size
    level: Decimal  # the one that the price meets first


@dataclass(frozen=True, slots=True)
class Price:
    """What the venues say of one pair at one slot."""

    best: Decimal
    low: Decimal  # what a level that is to be risen to is compared with
    high: Decimal  # what a level that is to be fallen to is compared with
    venues: int

    @staticmethod
    def of(mids: Iterable[Decimal]) -> "Price | None":
        """None: there is no price, or none that orders can be compared with."""
        prices = list(mids)
        if not prices or max(prices) > HIGHEST:
            return None
        return Price(max(prices), compared("ge", prices), compared("le", prices), len(prices))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for prices, and how current those are."""

    triggers: int  # beyond COUNTED an estimate
    prices_age: float  # seconds, of the pair whose newest price is the oldest; 0: nothing waits


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded price of one pair at one slot."""

    slot: int
    best: Decimal
    low: Decimal
    high: Decimal
    venues: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """What Postgres says in a slot."""

    now: datetime
    groups: list[Group]  # what orders wait for
    rows: dict[str, dict[int, Recorded]]  # pair → slot → price
    is_ahead: bool  # prices of these pairs are: the clock was set back


def is_met(group: Group, rows: Mapping[int, Recorded], slot: int) -> bool:
    """Whether the first level of a group is met at a slot, by the recorded prices of its pair."""
    if group.op in ("start", "extreme"):
        return False
    if group.persist == 0:
        return slot in rows and group.level <= rows[slot].best
    if group.op == "ge":
        return group.level <= rise_of(rows, slot, group.persist)
    return group.level >= max((row.high for row in _last(rows, slot, group.persist)), default=Decimal("Infinity"))


def rise_of(rows: Mapping[int, Recorded], slot: int, persist: int, *, min_venues: int = 0) -> Decimal:
    """At or above which price all venues were in the last so many slots; with a gap between these: 0."""
    last = _last(rows, slot, persist)
    return min((row.low for row in last if all(row.venues >= min_venues for row in last)), default=Decimal(0))


def _last(rows: Mapping[int, Recorded], slot: int, persist: int) -> list[Recorded]:
    """The last so many slots; none if there is a gap."""
    slots = range(slot, slot - persist, -1)
    return [rows[each] for each in slots] if all(each in rows for each in slots) else []


class PriceStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def waiting(self) -> Waiting:
        ((armed, estimate, age),) = await fetch(self._pool, STATE, COUNTED + 1)
        return Waiting(armed if armed <= COUNTED else max(armed, estimate), age)

    async def tick(self, prices: Mapping[str, Price | None], slot: int, at: datetime, *, slots: int) -> Found:
        """Record prices, unless another watcher has, and read back those of these pairs of the last so many slots.

        `at`: a moment at which this was the present slot.
        """
        values = list(prices.values())
        [row] = await fetch(
            self._pool,
            TICK,
            list(prices),
            *([price and getattr(price, name) for price in values] for name in ("best", "low", "high", "venues")),
            slot,
            at,
            slots,
        )
        rows: dict[str, dict[int, Recorded]] = {feed: {} for feed in prices}
        for feed, *recorded in row["prices"]:
            rows[feed][recorded[0]] = Recorded(*recorded)
        return Found(row["now"], [Group(*group) for group in row["groups"]], rows, row["is_ahead"])

    async def delete_old(self) -> int:
        return len(await fetch(self._pool, DELETE_OLD))

    async def delete_ahead(self) -> int:
        """After the clock was set back for good: forget the prices of a future that did not come."""
        return len(await fetch(self._pool, DELETE_AHEAD))
