"""What owners have traded today: the value of their accepted orders, whatever became of them. The day is UTC's.

`OrderStore.place` adds to it in the statement that inserts the orders, so it counts exactly the orders that exist. Each
process adds to rows of its own, so no two wait for each other. Rows of past days have no effect and may be deleted.
"""

from collections.abc import Sequence

import asyncpg

from app.postgres import fetch

TODAY = "(now() AT TIME ZONE 'UTC')::date"

# `placed`: the CTE with the inserted orders; $2: this process.
COUNTED = f"""counted AS (
    INSERT INTO daily_volumes (owner, day, writer, usd)
    SELECT owner, {TODAY}, $2::uuid, sum(usd_value) FROM placed WHERE usd_value IS NOT NULL
     GROUP BY owner ORDER BY owner
    ON CONFLICT (owner, day, writer) DO UPDATE SET usd = daily_volumes.usd + excluded.usd)"""
USED_TODAY = f"""
SELECT owner, sum(usd) AS used FROM daily_volumes WHERE owner = ANY($1::text[]) AND day = {TODAY} GROUP BY owner
"""


async def used_today(pool: asyncpg.Pool, owners: Sequence[str]) -> dict[str, int]:
    """In millionths of a dollar; without the owners that traded nothing."""
    return {row["owner"]: int(row["used"]) for row in await fetch(pool, USED_TODAY, owners)}
