"""What the wallet has signed today on a real chain: one row per signature, which the limits of the day add up.

- A swap is counted after it was signed and before it is stored or sent, in the transaction that compares the day with
  its limits. One lock per chain lets one such transaction at a time through, so each sees those before it.
- It counts with its value when it was signed, and with the most that it may pay in fees. One that a halt took back
  may be signed once more with the same bytes, and then counts again.
- A swap that failed on the chain has moved nothing: it keeps its fee. One that is believed to have expired keeps its
  value too. So however often nodes say so, an order is not paid more often than its day allows.
- Reconciling adds the swaps that the chain knows and this table does not.

Rows of past days have no effect and may be deleted. The simulated chain has none.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import asyncpg
import orjson

from app.orders.store.daily_volumes import TODAY
from app.postgres.running import fetch, transaction

LOCKS = 0x6F66  # the first number of these advisory locks; `lock_days` in Postgres takes others
TIME_LIMIT = "SET LOCAL lock_timeout = '2s'"
LOCK = f"SELECT pg_advisory_xact_lock({LOCKS}, hashtext($1))"
COUNT = f"""
INSERT INTO signed_swaps (signature, chain, day, owner, usd, fee) VALUES ($1, $2, {TODAY}, $3, $4, $5)
ON CONFLICT (signature) DO UPDATE SET usd = greatest(signed_swaps.usd, excluded.usd)
"""
_ENDED = "CASE WHEN least(revoked_at, expires_at) <= now() THEN least(revoked_at, expires_at) ELSE 'infinity' END"
# $1 the chain, $2 an owner. A swap of an order that this database has forgotten has no owner: it counts for each.
SIGNED = f"""
SELECT fees, usd, limits, ended
  FROM (SELECT sum(fee) AS fees, sum(usd) FILTER (WHERE owner = $2 OR owner = '') AS usd
          FROM signed_swaps WHERE chain = $1 AND day = {TODAY}) AS swaps,
       (SELECT array_agg(max_daily_usd) FILTER (WHERE ended = 'infinity') AS limits,
               array_agg(max_daily_usd) FILTER (WHERE ended < 'infinity' AND is_last) AS ended
          FROM (SELECT max_daily_usd, ended, ended = max(ended) OVER () AS is_last
                  FROM (SELECT max_daily_usd, {_ENDED} AS ended FROM api_keys WHERE owner = $2 AND NOT read_only) AS k
               ) AS keys) AS of_keys
"""
FAILED = "UPDATE signed_swaps SET usd = 0 WHERE signature = $1"
# $2 the chain, $3 whose swaps of forgotten orders are; '': nobody knows
ADD = f"""
INSERT INTO signed_swaps (signature, chain, day, owner, usd, fee)
SELECT signature, $2, {TODAY}, coalesce(o.owner, $3), usd, fee
  FROM json_to_recordset($1) AS s(signature text, order_id uuid, at float8, usd numeric, fee bigint)
  LEFT JOIN orders o ON o.id = order_id
 WHERE to_timestamp(at) >= {TODAY}::timestamp AT TIME ZONE 'UTC'
 ORDER BY signature ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Signed:
    """Today, on one chain."""

    fees: int  # lamports that the swaps of all owners pay at most
    usd: int  # of one owner, in millionths of a dollar
    limits: tuple[int | None, ...]  # of the owner's keys that may trade; None: it has none of its own
    ended: tuple[int | None, ...] = ()  # of the key that was the last to trade, if there is none: its orders still wait

    def limit(self, default_usd: int) -> int:
        """The highest that is in force; 0: there is none."""
        limits = [default_usd if one is None else one for one in self.limits or self.ended] or [default_usd]
        highest = 0 if 0 in limits else max(limits)
        # That a key has ended loosens nothing.
        return highest if self.limits else min(highest or default_usd, default_usd or highest)


@dataclass(frozen=True, slots=True)
class AddedSwap:
    """A swap that was found on the chain."""

    signature: str
    order_id: UUID | None  # as its memo says
    at: float  # when it landed, in Unix time
    usd: int
    fee: int


class SignedSwaps:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._one_at_a_time = asyncio.Lock()  # of this process: those that wait need no connection

    async def today(self, chain: str, owner: str) -> Signed:
        return _signed(await fetch(self._pool, SIGNED, chain, owner))

    async def count(
        self, signature: str, chain: str, owner: str, *, usd: int, fee: int, allow: Callable[[Signed], None]
    ) -> None:
        """`allow` raises if the day, with this swap, is beyond a limit: then it is not counted. May be repeated."""
        async with self._one_at_a_time, transaction(self._pool) as connection:
            await connection.execute(TIME_LIMIT)
            await connection.execute(LOCK, chain)
            await connection.execute(COUNT, signature, chain, owner, usd, fee)
            allow(_signed(await connection.fetch(SIGNED, chain, owner)))

    async def failed(self, signature: str) -> None:
        """It has moved nothing, and never will."""
        await fetch(self._pool, FAILED, signature)

    async def add(self, chain: str, owner: str, swaps: Sequence[AddedSwap]) -> None:
        """Those of today that are not counted. `owner`: of swaps whose order is not known; '': nobody knows."""
        if swaps:
            await fetch(self._pool, ADD, orjson.dumps([asdict(one) for one in swaps]).decode(), chain, owner)


def _signed(rows: Sequence[asyncpg.Record]) -> Signed:
    [row] = rows
    limits, ended = (tuple(row[name] or ()) for name in ("limits", "ended"))
    return Signed(int(row["fees"] or 0), int(row["usd"] or 0), limits, ended)
