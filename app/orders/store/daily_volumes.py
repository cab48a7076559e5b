"""What owners have traded today: the value of their accepted orders, whatever became of them. The day is UTC's.

`OrderStore.place` adds to it in the statement that inserts the orders, so it counts exactly the orders that exist. Each
process adds to rows of its own, so orders of owners without a daily limit wait for no other process. Rows of past days
have no effect and may be deleted.
"""

from collections.abc import Awaitable, Callable, Sequence

import asyncpg
from asyncpg.pool import PoolConnectionProxy

Run = Callable[..., Awaitable[list[asyncpg.Record]]]  # runs one statement, alone or in a transaction

LOCKS = 0x6F65  # the first number of these advisory locks; migrations take others
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

# One lock per owner, until the transaction ends; all processes take them in the order of the owners. It is a statement
# of its own: the next one sees what the process that had the lock before has committed.
# A process that is frozen while it has the lock loses it after FROZEN_SECONDS, and one that waits for it gives up.
TIME_LIMIT = "SET LOCAL lock_timeout = '2s'"
LOCK = f"SELECT pg_advisory_xact_lock({LOCKS}, hashtext(owner)) FROM unnest($1::text[]) owner"


async def used_today(run: Run, owners: Sequence[str]) -> dict[str, int]:
    """In millionths of a dollar; without the owners that traded nothing."""
    return {row["owner"]: int(row["used"]) for row in await run(USED_TODAY, owners)}


async def lock_days(connection: PoolConnectionProxy, owners: Sequence[str]) -> None:
    """Until the transaction ends, no other process that calls this adds to the days of these owners."""
    await connection.execute(TIME_LIMIT)
    await connection.execute(LOCK, owners)
