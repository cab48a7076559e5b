"""What owners have traded today: the value of their accepted orders, whatever became of them. The day is UTC's.

Of a real chain also what was signed today, which is read from the log.

`OrderStore.place` adds to it in the statement that inserts the orders, so it counts exactly the orders that exist. Each
process adds to rows of its own, so orders of owners without a daily limit wait for no other process. Rows of past days
have no effect and may be deleted.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app.orders.lifecycle import Status, sql_list
from app.postgres import fetch

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


FILLED = frozenset({Status.SUBMITTED, Status.CONFIRMED})  # or may be

# $1 the chain, $2 an owner, $3 an order that is left out. A slice has its part of the value of its parent. Each move to
# `submitted` is one signature.
SIGNED_TODAY = f"""
WITH signed AS MATERIALIZED (
    SELECT e.order_id, count(*) AS swaps FROM order_events e JOIN orders o ON o.id = e.order_id
     WHERE e.status = '{Status.SUBMITTED}' AND e.at >= {TODAY}::timestamp AT TIME ZONE 'UTC' AND o.chain = $1 GROUP BY 1
)
SELECT (SELECT coalesce(sum(swaps), 0) FROM signed) AS swaps,
       (SELECT coalesce(sum(coalesce(o.usd_value, div(p.usd_value * o.amount_in, p.amount_in))), 0)
          FROM signed JOIN orders o ON o.id = order_id LEFT JOIN orders p ON p.id = o.parent_id
         WHERE o.owner = $2 AND o.id <> $3 AND o.status IN ({sql_list(FILLED)})) AS usd,
       (SELECT array_agg(max_daily_usd) FROM api_keys
         WHERE owner = $2 AND revoked_at IS NULL AND NOT read_only AND (expires_at > now()) IS NOT FALSE) AS limits
"""


@dataclass(frozen=True, slots=True)
class Signed:
    """Today, on one chain."""

    swaps: int  # of all owners; each has paid its fee, if it is in a block
    usd: int  # of one owner, in millionths of a dollar: of the orders that were filled, or may be
    limits: tuple[int | None, ...]  # of the owner's keys that may trade; None: it has none of its own

    def limit(self, default_usd: int) -> int:
        """The highest that is in force; 0: there is none."""
        limits = [default_usd if one is None else one for one in self.limits] or [default_usd]
        return 0 if 0 in limits else max(limits)


# One lock per owner, until the transaction ends; all processes take them in the order of the owners. It is a statement
# of its own: the next one sees what the process that had the lock before has committed.
# A process that is frozen while it has the lock loses it after FROZEN_SECONDS, and one that waits for it gives up.
TIME_LIMIT = "SET LOCAL lock_timeout = '2s'"
LOCK = f"SELECT pg_advisory_xact_lock({LOCKS}, hashtext(owner)) FROM unnest($1::text[]) owner"


async def used_today(run: Run, owners: Sequence[str]) -> dict[str, int]:
    """In millionths of a dollar; without the owners that traded nothing."""
    return {row["owner"]: int(row["used"]) for row in await run(USED_TODAY, owners)}


async def signed_today(pool: asyncpg.Pool, chain: str, owner: str, but: UUID) -> Signed:
    [row] = await fetch(pool, SIGNED_TODAY, chain, owner, but)
    return Signed(int(row["swaps"]), int(row["usd"]), tuple(row["limits"] or ()))


async def lock_days(connection: PoolConnectionProxy, owners: Sequence[str]) -> None:
    """Until the transaction ends, no other process that calls this adds to the days of these owners."""
    await connection.execute(TIME_LIMIT)
    await connection.execute(LOCK, owners)
