"""What the book knows of orders that nobody runs: abandoned, expired, missing from the queue."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from app.orders.lifecycle import EXPIRED, WORKER_LOST, Status
from app.orders.model import OrderEvent
from app.orders.store.reads import event_from
from app.postgres import fetch

POISON_CLAIMS = 5  # starts that ended with a dead worker, in a row, before the order is held to be the cause

# What waits is looked at again after about as long as it has waited so far, and within 18 minutes: a long line costs
# little, and whatever has become of an order's place in it is found out.
#
# A first crash is nobody's fault: again at once, from the place in line that the order had. After that the waits grow
# and scatter, so that an order which kills its workers and the neighbours that die with it part company.
SWEEP = f"""
WITH due AS (
    SELECT id, CASE
        WHEN status = 'pending' AND attempt = 0 AND expires_at <= now() THEN 'expired'
        WHEN status NOT IN ('routing', 'building') OR lease_until > now() THEN 'kept'
        WHEN claims >= {POISON_CLAIMS} THEN 'poison'
        ELSE 'lost' END AS verdict,
        CASE WHEN claims <= 1 THEN 0 ELSE floor(random() * power(4, claims - 1) * 1000) END AS wait_ms
      FROM orders
     WHERE status IN ('pending', 'routing', 'building', 'submitted') AND look_at <= now()
     ORDER BY look_at, id LIMIT $1
       FOR UPDATE SKIP LOCKED
), swept AS (
    UPDATE orders o
       SET status = CASE verdict WHEN 'kept' THEN o.status WHEN 'lost' THEN 'pending' ELSE 'failed' END,
           seq = o.seq + (verdict <> 'kept')::int,
           fence = o.fence + (verdict <> 'kept')::int,
           lease_until = CASE verdict WHEN 'kept' THEN o.lease_until END,
           code = CASE verdict WHEN 'kept' THEN o.code WHEN 'expired' THEN '{EXPIRED}' ELSE '{WORKER_LOST}' END,
           error = CASE verdict WHEN 'kept' THEN o.error
                                WHEN 'expired' THEN 'it could not be started in the time it was given'
                                WHEN 'lost' THEN 'the worker was lost before it sent anything'
                                ELSE 'every worker that started it was lost' END,
           ready_at = CASE WHEN verdict = 'lost' AND wait_ms > 0 THEN now() + wait_ms * interval '1 millisecond'
                         ELSE o.ready_at END,
           look_at = CASE WHEN verdict = 'lost' THEN now() + wait_ms * interval '1 millisecond' + interval '5 seconds'
                          WHEN o.lease_until > now() THEN o.lease_until
                          ELSE least(now() + (0.8 + 0.4 * random())
                                           * least(greatest(now() - o.updated_at, interval '5 seconds'),
                                                   interval '15 minutes'),
                                     CASE WHEN o.attempt = 0 AND o.expires_at > now() THEN o.expires_at END) END,
           updated_at = CASE verdict WHEN 'kept' THEN o.updated_at ELSE now() END
      FROM due WHERE o.id = due.id
    RETURNING o.*, due.verdict, due.wait_ms
), logged AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, details)
    SELECT id, seq, status, attempt, updated_at,
           CASE verdict WHEN 'lost' THEN json_build_object('error', error, 'code', code, 'retryInMs', wait_ms::int)
                        ELSE json_build_object('error', error, 'code', code) END
      FROM swept WHERE verdict <> 'kept'
    RETURNING order_id, seq, status, attempt, at, details
)
SELECT s.id, s.owner, s.status, s.request_id, extract(epoch FROM s.ready_at - now())::float8 AS ready_in,
       s.status = 'pending' OR (s.status = 'submitted' AND coalesce(s.lease_until <= now(), true)) AS waiting,
       l.order_id, l.seq, l.attempt, l.at, l.details
  FROM swept s LEFT JOIN logged l ON l.order_id = s.id
"""

# Everything that ought to be in the queue, page by page: for a queue that has lost its memory.
WAITING = """
SELECT id, owner, status, look_at, extract(epoch FROM ready_at - now())::float8 AS ready_in
  FROM orders
 -- The first condition is the partial index's own, so that it is used; the second is what is meant.
 WHERE status IN ('pending', 'routing', 'building', 'submitted') AND status IN ('pending', 'submitted')
   AND (lease_until IS NULL OR lease_until <= now()) AND (look_at, id) > ($1, $2)
 ORDER BY look_at, id LIMIT $3
"""
RECENT_STARTS = """
SELECT extract(epoch FROM now() - at)::float8 AS age FROM order_events
 WHERE at > now() - $1 * interval '1 second' AND status = 'routing' ORDER BY at DESC LIMIT $2
"""
ANY_PENDING = "SELECT EXISTS (SELECT FROM orders WHERE status = 'pending' AND look_at > '-infinity') AS any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An order that should be in the queue, due in `ready_in` seconds (less than zero: its place in line)."""

    id: UUID
    submitted: bool
    ready_in: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """What one round found: who ought to be queued, and what happened to the abandoned (with their owners)."""

    looked_at: int
    waiting: list[Waiting]
    events: list[tuple[str, str, OrderEvent]]  # owner, request id, event


class SweepStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def sweep(self, most: int) -> SweepResult:
        """Look at the orders longest due for it: end the expired, take back the abandoned, name the waiting."""
        rows = await fetch(self._pool, SWEEP, most)
        return SweepResult(
            looked_at=len(rows),
            waiting=[_waiting(row) for row in rows if row["waiting"]],
            events=[(row["owner"], row["request_id"], event_from(row)) for row in rows if row["order_id"]],
        )

    async def waiting(self, below: tuple[datetime, UUID], most: int) -> tuple[list[Waiting], tuple[datetime, UUID]]:
        """One page of everything that should be queued, and where the next one begins."""
        rows = await fetch(self._pool, WAITING, *below, most)
        return [_waiting(row) for row in rows], (rows[-1]["look_at"], rows[-1]["id"]) if rows else below

    async def recent_starts(self, seconds: float, most: int) -> list[float]:
        """The ages, in seconds, of the latest starts."""
        return [row["age"] for row in await fetch(self._pool, RECENT_STARTS, seconds, most)]

    async def any_pending(self) -> bool:
        return bool((await fetch(self._pool, ANY_PENDING))[0]["any"])


def _waiting(row: asyncpg.Record) -> Waiting:
    return Waiting(id=row["id"], submitted=row["status"] == Status.SUBMITTED, ready_in=row["ready_in"])
