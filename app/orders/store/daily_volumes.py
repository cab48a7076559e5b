"""What owners have traded today: the value of their accepted orders, whatever became of them. The day is UTC's.

`OrderStore.place` adds to it in the statement that inserts the orders, so it counts exactly the orders that exist. Each
process adds to rows of its own, so orders of owners without a daily limit wait for no other process; and to others
once somebody has locked one of these. Rows of past days have no effect and may be deleted.
"""

from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

import asyncpg

from app.postgres.errors import DatabaseUnavailable, RowLocked
from app.postgres.running import fetch

Run = Callable[..., Awaitable[list[asyncpg.Record]]]  # runs one statement, alone or in a transaction

TODAY = "(now() AT TIME ZONE 'UTC')::date"

_SOON = "(SELECT set_config('lock_timeout', '500', true)) IS NOT NULL"  # for a row that is locked


def counts(which: str = "true") -> str:
    """The CTE that adds these orders of the CTE `placed` to their days; $2: the writer."""
    return f"""counted AS (
    INSERT INTO daily_volumes (owner, day, writer, usd)
    SELECT owner, {TODAY}, $2::uuid, sum(usd_value) FROM placed WHERE {which} AND usd_value IS NOT NULL AND {_SOON}
     GROUP BY owner ORDER BY owner
    ON CONFLICT (owner, day, writer) DO UPDATE SET usd = daily_volumes.usd + excluded.usd)"""


USED_TODAY = f"""
SELECT owner, sum(usd) AS used FROM daily_volumes WHERE owner = ANY($1::text[]) AND day = {TODAY} GROUP BY owner
"""

# `lock_days` keeps other statements from adding to the days of these owners until this one is committed, and gives up
# after 2 s. It sees what was committed until it had the locks, also by the kill switch; a statement by itself sees what
# was before it began.
# `days`: $3 owners, and $4 the most that each may have used today: of one beyond it nothing may be inserted.
DAYS = """days AS MATERIALIZED (
    SELECT owner, used, stopped, used > most AS is_over
      FROM unnest($3::text[], $4::numeric[]) AS d(owner, most) JOIN lock_days($3) USING (owner)
)"""
OVER_DAY = "SELECT NULL, NULL, NULL, owner, used FROM days WHERE is_over"


def in_day(owner: str) -> str:
    """The SQL condition: within $4, and not stopped while the lock was waited for. `owner` is an SQL expression."""
    return f"{owner} NOT IN (SELECT days.owner FROM days WHERE is_over OR stopped)"


class Days:
    """The rows that a process adds to."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self.writer = uuid4()

    async def insert(self, sql: str, orders: str, *arguments: object) -> list[asyncpg.Record]:
        """Runs a statement with what `counts` returns. RowLocked: nothing was written, and the next try may succeed."""
        try:
            return await fetch(self._pool, sql, orders, self.writer, *arguments)
        except DatabaseUnavailable as error:
            if not isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                raise
            self.writer = uuid4()  # somebody may have locked one of its rows: the next try has others
            raise RowLocked from error.__cause__


async def used_today(run: Run, owners: Sequence[str]) -> dict[str, int]:
    """In millionths of a dollar; without the owners that traded nothing."""
    return {row["owner"]: int(row["used"]) for row in await run(USED_TODAY, owners)}
