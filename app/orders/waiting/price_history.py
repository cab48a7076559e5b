"""The mid prices of the last week, for charts: a row for each pair with a pool, every ten seconds.

No order is compared with them: those are in `prices`. After three hours only the samples of whole minutes are kept.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

import asyncpg
import orjson

from app.orders.samples import REST_OF, TIME_OF
from app.postgres.running import fetch

KEPT = timedelta(days=7)
MOST_POINTS = 1_000  # of one answer; of samples ten seconds apart they reach less far than those are kept
DELETE_PAGE = 1_000

# pair → venue → tokens of the pair's second token for one of its first
Mids = Mapping[str, Mapping[str, Decimal]]

CLOCK = f"SELECT now, {TIME_OF} AS at, {REST_OF} AS rest FROM clock_timestamp() AS now"
# Also deletes samples that are too old; those between whole minutes, once they are three hours old; and those ahead of
# the clock, after it was set back. If no watcher ran at that time, a sample between two minutes stays for the week.
RECORD = f"""
WITH gone AS (
    DELETE FROM price_samples WHERE ctid = ANY(ARRAY(
        (SELECT ctid FROM price_samples WHERE at < $1::timestamptz - interval '7 days' LIMIT {DELETE_PAGE})
        UNION ALL
        (SELECT ctid FROM price_samples
          WHERE at < $1 - interval '3 hours' AND at >= $1 - interval '3 hours 10 minutes'
            AND at <> date_trunc('minute', at) LIMIT {DELETE_PAGE})
        UNION ALL
        (SELECT ctid FROM price_samples WHERE at > now() + interval '1 second' LIMIT {DELETE_PAGE})))
)
INSERT INTO price_samples (at, pair, mids)
SELECT $1, pair, mids FROM unnest($2::text[], $3::json[]) AS r(pair, mids) ORDER BY pair  -- no two wait for each other
ON CONFLICT (at, pair) DO NOTHING
"""
# The last sample in each step ($3). Each step costs two looks at the primary key.
READ = f"""
SELECT step.at, s.pair, s.mids
  FROM (SELECT at FROM generate_series(date_bin($3::interval, now(), 'epoch'), date_bin($3, $2::timestamptz, 'epoch'),
                                       -$3::interval) AS at LIMIT {MOST_POINTS}) AS step
 CROSS JOIN LATERAL (
       SELECT p.at FROM price_samples p WHERE p.at >= step.at AND p.at < step.at + $3 AND p.pair = ANY($1::text[])
        ORDER BY p.at DESC LIMIT 1) AS newest
  JOIN price_samples s ON s.at = newest.at AND s.pair = ANY($1)
 ORDER BY step.at
"""


class PriceHistory:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def sample(self, mids_at: Callable[[datetime], Awaitable[Mids]]) -> float:
        """Seconds until the next one is due. `mids_at`: the prices at a moment of the clock of Postgres.

        Every watcher takes one: it may have the price of a pair of which the first one had none.
        """
        ((now, at, rest),) = await fetch(self._pool, CLOCK)
        mids = await mids_at(now)
        rows = [orjson.dumps({venue: str(price) for venue, price in one.items()}).decode() for one in mids.values()]
        await fetch(self._pool, RECORD, at, list(mids), rows)
        return float(rest)

    async def read(self, pairs: Collection[str], since: datetime, step: timedelta) -> list[tuple[datetime, Mids]]:
        """Of each step its last prices, oldest first; a step without a sample is left out."""
        rows = await fetch(self._pool, READ, list(pairs), since, step)
        return [
            (at, {row["pair"]: _mids(row["mids"]) for row in found})
            for at, found in groupby(rows, key=lambda row: row["at"])
        ]


def _mids(stored: str) -> dict[str, Decimal]:
    return {venue: Decimal(price) for venue, price in orjson.loads(stored).items()}
