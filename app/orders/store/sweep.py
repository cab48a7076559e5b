"""The sweeper's SQL: orders under way that no worker owns: expired, abandoned, or missing from the queue."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from app.orders.kill_switch.states import IS_RECONCILING, is_halted
from app.orders.lifecycle import EXPIRED, HALTED, IN_ATTEMPT, QUEUED, UNDER_WAY, WORKER_LOST, Status, sql_list
from app.orders.model import OrderEvent
from app.orders.store.reads import event_from
from app.orders.store.set_back import ANY_IN_FUTURE, MEND_ORDERS, MEND_SWITCHES
from app.orders.store.statements import CLOCK, EVENT_COLUMNS, SWEEP_AFTER, logged
from app.postgres.clock import DatabaseClock
from app.postgres.running import fetch, transaction

SET_BACK_SECONDS = 0.5  # or forward; less may be a slow answer
WRITES_SECONDS = 0.02  # between looks at the writes under way
MEND_PAGE = 500
POISON_CLAIMS = 5  # starts in a row that ended with a dead worker, before the order is taken for the cause


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the sweeper does with an order that cannot stay as it is."""

    name: str
    status: Status  # the order's new status
    code: str
    error: str


VERDICTS = (
    Verdict("expired", Status.EXPIRED, EXPIRED, "the order was not started in the time it was given"),
    Verdict("lost", Status.PENDING, WORKER_LOST, "the worker was lost before it sent anything"),
    Verdict("poison", Status.FAILED, WORKER_LOST, "every worker that started the order was lost"),
)
_VERDICT_ROWS = ", ".join(f"('{one.name}', '{one.status}', '{one.code}', '{one.error}')" for one in VERDICTS)

# Not started, or taken back before it sent anything because of the kill switch: it may expire.
_UNSTARTED = f"(o.attempt = 0 OR o.code = '{HALTED}')"

# A waiting order is looked at again after about as long as it has waited so far, and within 18 minutes: a long queue
# costs little, and an order that has fallen out of the queue is found. While the engine reconciles no order ends, as
# it may be filled: one that would is looked at again soon.
# The first lost worker does not count against an order: it starts again at once, with its old place in the queue. After
# that the waits grow and scatter, so that an order that kills its workers and the orders that die with it part company.
SWEEP = f"""
WITH verdicts(verdict, status, code, error) AS (VALUES {_VERDICT_ROWS}
), due AS (
    SELECT id, claims, CASE
        WHEN status = 'pending' AND {_UNSTARTED} AND expires_at <= now() THEN 'expired'
        WHEN status NOT IN ({sql_list(IN_ATTEMPT)}) OR lease_until > now() THEN NULL
        WHEN claims >= {POISON_CLAIMS} THEN 'poison'
        ELSE 'lost' END AS verdict
      FROM orders o
     WHERE status IN ({sql_list(UNDER_WAY)}) AND look_at <= now()
     ORDER BY look_at, id LIMIT $1
       FOR UPDATE SKIP LOCKED
), told AS (
    SELECT *, verdict <> 'lost' AND {IS_RECONCILING} AS is_withheld FROM due
), judged AS (
    SELECT told.id, v.*, is_withheld, CASE WHEN v.verdict = 'lost' AND claims > 1
                                           THEN floor(random() * power(4, claims - 1) * 1000) ELSE 0 END AS wait_ms
      FROM told LEFT JOIN verdicts v ON v.verdict = told.verdict AND NOT is_withheld
), swept AS (
    UPDATE orders o
       SET status = coalesce(j.status, o.status), code = coalesce(j.code, o.code), error = coalesce(j.error, o.error),
           seq = o.seq + (j.verdict IS NOT NULL)::int,
           fence = o.fence + (j.verdict IS NOT NULL)::int,
           lease_until = CASE WHEN j.verdict IS NULL THEN o.lease_until END,
           ready_at = CASE WHEN wait_ms > 0 THEN now() + wait_ms * interval '1 millisecond' ELSE o.ready_at END,
           look_at = CASE WHEN j.verdict IS NOT NULL OR is_withheld
                          THEN now() + wait_ms * interval '1 millisecond' + {SWEEP_AFTER}
                          WHEN o.lease_until > now() THEN o.lease_until
                          ELSE least(now() + (0.8 + 0.4 * random())
                                           * least(greatest(now() - o.updated_at, {SWEEP_AFTER}),
                                                   interval '15 minutes'),
                                     CASE WHEN {_UNSTARTED} AND o.expires_at > now()
                                          THEN o.expires_at END) END,
           updated_at = CASE WHEN j.verdict IS NULL THEN o.updated_at ELSE now() END
      FROM judged j WHERE o.id = j.id
    RETURNING o.*, j.verdict, j.wait_ms
), {
    logged(
        "swept",
        details="CASE status WHEN 'pending'"
        " THEN json_build_object('error', error, 'code', code, 'retryInMs', wait_ms::int)"
        " ELSE json_build_object('error', error, 'code', code) END",
        where="verdict IS NOT NULL",
        returning=f"RETURNING {EVENT_COLUMNS}",
    )
}
SELECT s.id, s.owner, s.type, s.status, s.request_id, extract(epoch FROM s.ready_at - now())::float8 AS due_in,
       s.status IN ({sql_list(QUEUED)}) AND coalesce(s.lease_until <= now(), true)
         AND NOT (s.status = 'pending' AND {is_halted("s.owner")}) AS to_queue,
       l.order_id, l.seq, l.attempt, l.at, l.details
  FROM swept s LEFT JOIN logged l ON l.order_id = s.id
"""

# Only an index scan marks the dead entries that it meets. A bitmap scan would visit those of all earlier rounds again,
# until the next vacuum.
BY_INDEX = "SET LOCAL enable_bitmapscan = off"

# Every order that should be in the queue, page by page: for a queue that has lost its entries.
ALL_QUEUED = f"""
SELECT id, owner, type, status, look_at, extract(epoch FROM ready_at - now())::float8 AS due_in
  FROM orders
 -- The first condition is that of the partial index, so that it is used; the second selects the orders.
 WHERE status IN ({sql_list(UNDER_WAY)}) AND status IN ({sql_list(QUEUED)})
   AND (lease_until IS NULL OR lease_until <= now()) AND (look_at, id) > ($1, $2)
   AND NOT (status = 'pending' AND {is_halted("orders.owner")})
 ORDER BY look_at, id LIMIT $3
"""
# One with details was made by another database, at another time: see `app/orders/reconciling/landed.py`.
RECENT_STARTS = """
SELECT extract(epoch FROM now() - at)::float8 AS age FROM order_events
 WHERE at > now() - $1 * interval '1 second' AND status = 'routing' AND details IS NULL ORDER BY at DESC LIMIT $2
"""
ANY_UNDER_WAY = (
    f"SELECT EXISTS (SELECT FROM orders WHERE status IN ({sql_list(UNDER_WAY)}) AND look_at > '-infinity') AS any"
)
# Every transaction of an engine that has begun to write events. A statement locks its tables before it reads a clock.
# Other sessions record no start, and may stay open for hours. An engine's bears the name that this one bears.
WRITES_UNDER_WAY = """
SELECT l.virtualtransaction, a.pid
  FROM pg_locks l JOIN pg_database d ON d.oid = l.database JOIN pg_stat_activity a USING (pid)
 WHERE d.datname = current_database() AND l.relation = 'order_events'::regclass AND l.mode = 'RowExclusiveLock'
   AND l.granted AND a.application_name = current_setting('application_name')
"""
# What writes wait for, by process: a lock of another session, or nothing that Postgres knows of.
BLOCKERS = """
SELECT w.pid AS writer, b.pid, b.application_name
  FROM unnest($1::int[]) AS w(pid) LEFT JOIN pg_stat_activity b ON b.pid = ANY(pg_blocking_pids(w.pid))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedOrder:
    """An order that should be in the queue."""

    id: UUID
    owner: str
    type: str
    submitted: bool  # it waits for a check of the chain; otherwise for a start
    due_in: float  # seconds; below zero: overdue, which is its place in the queue


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    examined: int
    to_queue: list[QueuedOrder]
    events: list[tuple[str, str, OrderEvent]]  # owner, request id, event: of the orders that were moved


class SweepStore:
    def __init__(self, pool: asyncpg.Pool, *, lease_seconds: float = 5.0) -> None:
        self._pool = pool
        self._lease = lease_seconds
        self._clock = DatabaseClock()
        # Jumps of the clock: when each was seen, and by how many seconds.
        self._forward = deque[tuple[float, float]](maxlen=100)

    async def sweep(self, limit: int) -> SweepResult:
        """Examine the orders longest due for it: end the expired, take back the abandoned, list the waiting."""
        async with transaction(self._pool) as connection:
            await connection.execute(BY_INDEX)
            rows = await connection.fetch(SWEEP, limit)
        return SweepResult(
            examined=len(rows),
            to_queue=[_queued_order(row) for row in rows if row["to_queue"]],
            events=[(row["owner"], row["request_id"], event_from(row)) for row in rows if row["order_id"]],
        )

    async def clock_was_set_back(self) -> bool:
        """Whether the clock of Postgres was set back since the last call; at the first call nobody knows: True."""
        ((clock,),) = await fetch(self._pool, CLOCK)
        if (back := self._clock.read(clock)) < -SET_BACK_SECONDS:
            self._forward.append((time.monotonic(), -back))
        return back > SET_BACK_SECONDS

    async def mend_times(self) -> int:
        """After the clock was set back: mend the times that lie in the future, and say of how many orders."""
        await fetch(self._pool, MEND_SWITCHES)
        mended = 0
        while page := len(await fetch(self._pool, MEND_ORDERS, self._lease, MEND_PAGE)):
            mended += page
        return mended

    async def any_in_future(self) -> bool:
        return bool(await fetch(self._pool, ANY_IN_FUTURE, self._lease))

    async def all_queued(
        self, after: tuple[datetime, UUID], limit: int
    ) -> tuple[list[QueuedOrder], tuple[datetime, UUID]]:
        """One page of all orders that should be in the queue, and where the next page begins."""
        rows = await fetch(self._pool, ALL_QUEUED, *after, limit)
        return [_queued_order(row) for row in rows], (rows[-1]["look_at"], rows[-1]["id"]) if rows else after

    async def recent_starts(self, seconds: float, limit: int) -> list[float]:
        """The ages of the latest starts, in seconds.

        Where the clock has jumped forward meanwhile, they look older than they are. None is taken for older: those of
        after the jump may count as later than they were.
        """
        ((clock,),) = await fetch(self._pool, CLOCK)
        now = time.monotonic()
        ahead = clock.timestamp() - self._clock.earliest(now)  # a jump that was not seen yet
        jumped = sum(by for at, by in self._forward if now - at < seconds) + (ahead if ahead > SET_BACK_SECONDS else 0)
        rows = await fetch(self._pool, RECENT_STARTS, seconds + jumped, limit)
        return [max(0.0, row["age"] - jumped) if jumped else row["age"] for row in rows]

    async def any_under_way(self) -> bool:
        return bool((await fetch(self._pool, ANY_UNDER_WAY))[0]["any"])

    async def writes_end(self, within: float) -> set[int]:
        """Wait until every write that is under way now has ended. After so many seconds: whose have not, by pid."""
        deadline = time.monotonic() + within
        writes = await self._writes_under_way()
        while writes and time.monotonic() < deadline:
            await asyncio.sleep(WRITES_SECONDS)
            writes &= await self._writes_under_way()
        return {pid for _, pid in writes}

    async def blockers(self, writers: set[int]) -> list[str]:
        """What these processes of Postgres wait for, for the log."""
        return [
            f"pid {row['writer']} waits for "
            + (f"pid {row['pid']}, application {row['application_name']!r}" if row["pid"] else "no other session")
            for row in await fetch(self._pool, BLOCKERS, list(writers))
        ]

    async def _writes_under_way(self) -> set[tuple[str, int]]:
        return {(row["virtualtransaction"], row["pid"]) for row in await fetch(self._pool, WRITES_UNDER_WAY)}


def _queued_order(row: asyncpg.Record) -> QueuedOrder:
    return QueuedOrder(
        id=row["id"],
        owner=row["owner"],
        type=row["type"],
        submitted=row["status"] == Status.SUBMITTED,
        due_in=row["due_in"],
    )
