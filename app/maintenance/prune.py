"""`engine prune`: deletes orders that ended long ago, with their events, in small steps beside a running engine.

- It walks over the orders by their ids, which begin with the time. Slices go with the order that they are parts of, and
  an order of a group waits until all of the group have ended.
- Idempotency keys never expire. So an order with a key, its own or that of its group, keeps its row; its events go.
- A failed order that nobody has acknowledged stays: it is work for somebody.
- Fills of the last days stay, and as many before them as are looked at with them. `worker/comparison.py` takes a swap
  of an order that is not there for one that this database has lost, and looks at those of a week, 500 at once.
- Deliveries to webhooks go first, once they are as old, whether they have arrived or not: without its event there is
  nothing to send.
- Each step is a transaction of its own, and a pause of the same length follows. It may be stopped at any time.
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import asyncpg

from app.audit import INSERT, Entry, as_json, command_line
from app.maintenance.database import connected
from app.orders.lifecycle import TERMINAL, Status, sql_list
from app.orders.store.daily_volumes import TODAY
from app.postgres.pools import WRITE_PLANS
from app.settings import SettingsError

LOCK = 0x7072756E65  # one at a time; migrations have another number
STEP = 500  # orders, with their slices
STEP_TIMEOUT = "20s"
QUICK_SECONDS = 5.0  # steps that take less become larger again
KEPT_FILL_DAYS = 9  # the chain and Postgres may be a day apart
KEPT_FILLS = 1_000  # before those days
LOCKED_MS = 2_000  # that it waits for a row that somebody has locked
KEPT_DAYS = 7  # of daily volumes and of signed swaps; only today's have an effect

LIMITS = """
SELECT now() - $1 * interval '1 day' AS before,
       (SELECT min(updated_at) FROM (SELECT now() - $3 * interval '1 day' AS updated_at UNION ALL
                                     SELECT updated_at FROM orders
                                      WHERE status = 'confirmed' AND updated_at < now() - $3 * interval '1 day'
                                      ORDER BY updated_at DESC LIMIT $2 + 1) AS kept) AS fills_before
"""


def _old(order: str) -> str:
    """The SQL condition that this order may go. $4 when it has to have ended, $5 the same of a fill."""
    return f"""({order}.status IN ({sql_list(TERMINAL)}) AND {order}.updated_at < $4
        AND ({order}.status <> '{Status.FAILED}' OR {order}.acknowledged_at IS NOT NULL)
        AND ({order}.status <> '{Status.CONFIRMED}' OR {order}.updated_at < $5))"""


def _step(events: str, orders: str) -> str:
    """$1 after which order, $2 before which, $3 how many to look at."""
    return f"""
WITH page AS MATERIALIZED (
    SELECT id, status, updated_at, acknowledged_at, group_id, idempotency_key FROM orders
     WHERE id > $1 AND id < $2 AND parent_id IS NULL ORDER BY id LIMIT $3
), ended AS MATERIALIZED (
    SELECT p.id, p.idempotency_key IS NOT NULL OR g.idempotency_key IS NOT NULL AS keyed
      FROM page p LEFT JOIN order_groups g ON g.id = p.group_id
     WHERE {_old("p")} AND NOT EXISTS (SELECT FROM orders s WHERE s.parent_id = p.id AND NOT {_old("s")})
       AND NOT EXISTS (SELECT FROM orders l WHERE l.group_id = p.group_id AND NOT {_old("l")})
), family AS MATERIALIZED (
    SELECT id, keyed FROM ended UNION ALL SELECT s.id, keyed FROM ended JOIN orders s ON s.parent_id = ended.id
), events AS ({events}
), gone AS ({orders}
)
SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM events) AS events,
       count(*) AS orders, array_agg(DISTINCT group_id) FILTER (WHERE group_id IS NOT NULL) AS groups,
       (SELECT count(*) FROM page WHERE status = '{Status.FAILED}' AND acknowledged_at IS NULL
                                    AND updated_at < $4) AS dead_letters
  FROM gone
"""


DELETE = _step(
    "DELETE FROM order_events e USING family f WHERE e.order_id = f.id RETURNING e.seq",
    "DELETE FROM orders o USING family f WHERE o.id = f.id AND NOT f.keyed RETURNING o.group_id",
)
COUNT = _step(
    "SELECT e.seq FROM order_events e JOIN family f ON e.order_id = f.id",
    "SELECT o.group_id FROM orders o JOIN family f ON o.id = f.id AND NOT f.keyed",
)
DELETE_GROUPS = """
DELETE FROM order_groups g
 WHERE id = ANY($1::uuid[]) AND idempotency_key IS NULL AND NOT EXISTS (SELECT FROM orders WHERE group_id = g.id)
"""
_OLD_DAYS = f"SELECT ctid FROM daily_volumes WHERE day < {TODAY} - {KEPT_DAYS}"
COUNT_DAYS = f"SELECT count(*) FROM ({_OLD_DAYS}) AS days"
DELETE_DAYS = f"""
WITH gone AS (DELETE FROM daily_volumes WHERE ctid = ANY(ARRAY({_OLD_DAYS} LIMIT $1)) RETURNING day)
SELECT count(*) FROM gone
"""
_OLD_SWAPS = f"SELECT signature FROM signed_swaps WHERE day < {TODAY} - {KEPT_DAYS}"
COUNT_SWAPS = f"SELECT count(*) FROM ({_OLD_SWAPS}) AS swaps"
DELETE_SWAPS = f"""
WITH gone AS (DELETE FROM signed_swaps WHERE signature = ANY(ARRAY({_OLD_SWAPS} LIMIT $1)) RETURNING day)
SELECT count(*) FROM gone
"""
_OLD_DELIVERIES = "SELECT id FROM webhook_deliveries WHERE created_at < now() - $1 * interval '1 day'"
COUNT_DELIVERIES = f"SELECT count(*) FROM ({_OLD_DELIVERIES}) AS old"
DELETE_DELIVERIES = f"""
WITH gone AS (DELETE FROM webhook_deliveries WHERE id = ANY(ARRAY({_OLD_DELIVERIES} LIMIT $2)) RETURNING id)
SELECT count(*) FROM gone
"""


@dataclass(slots=True)
class Pruned:
    """What went so far."""

    orders: int = 0
    events: int = 0
    daily_volumes: int = 0
    signed_swaps: int = 0
    webhook_deliveries: int = 0  # that had not arrived
    dead_letters: int = 0  # that stay, because nobody has acknowledged them


async def prune(dsn: str, days: int, pruned: Pruned, *, dry_run: bool = False) -> None:
    """Counts in `pruned`, so that what went is known although it is interrupted."""
    settings = WRITE_PLANS | {"lock_timeout": str(LOCKED_MS), "statement_timeout": "60s"}
    async with connected(dsn, **settings) as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            raise SettingsError(
                "another `engine prune` runs in this database; or one was run through a pooler, which keeps its lock: "
                "use the address of the database itself."
            )
        try:
            await _prune(connection, days, pruned, dry_run=dry_run)
        except asyncpg.LockNotAvailableError:
            raise SettingsError(
                "another session has locked what would go next: run it again when it has ended."
            ) from None
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise SettingsError(f"the database does not answer ({type(error).__name__}): run it again.") from None


async def _prune(connection: asyncpg.Connection, days: int, pruned: Pruned, *, dry_run: bool) -> None:
    if not dry_run:
        await _record(connection, "begun", {"days": days})
        while gone := await connection.fetchval(DELETE_DELIVERIES, days, STEP):
            pruned.webhook_deliveries += gone
    await _orders(connection, days, pruned, dry_run=dry_run)
    if dry_run:
        pruned.webhook_deliveries = await connection.fetchval(COUNT_DELIVERIES, days)
        pruned.daily_volumes = await connection.fetchval(COUNT_DAYS)
        pruned.signed_swaps = await connection.fetchval(COUNT_SWAPS)
        return
    while gone := await connection.fetchval(DELETE_DAYS, STEP):
        pruned.daily_volumes += gone
    while gone := await connection.fetchval(DELETE_SWAPS, STEP):
        pruned.signed_swaps += gone
    await _record(connection, "done", {"days": days, **asdict(pruned)})


async def _orders(connection: asyncpg.Connection, days: int, pruned: Pruned, *, dry_run: bool) -> None:
    async with connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = on; SET LOCAL statement_timeout = 0")
        [(before, fills_before)] = await connection.fetch(LIMITS, days, KEPT_FILLS, KEPT_FILL_DAYS)
    last, end, most = UUID(int=0), UUID(int=int(before.timestamp() * 1000) << 80), STEP
    while last is not None:
        began = time.monotonic()
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL statement_timeout = '{STEP_TIMEOUT}'")
                [step] = await connection.fetch(COUNT if dry_run else DELETE, last, end, most, before, fills_before)
                if step["groups"] and not dry_run:
                    await connection.execute(DELETE_GROUPS, step["groups"])
        except asyncpg.QueryCanceledError:
            if most == 1:
                raise
            most = max(1, most // 8)  # each of them may have a thousand slices
            continue
        last = step["last"]
        pruned.orders += step["orders"]
        pruned.events += step["events"]
        pruned.dead_letters += step["dead_letters"]
        took = time.monotonic() - began
        most = min(STEP, most * 2) if took < QUICK_SECONDS else most
        await asyncio.sleep(took)  # as long for others


async def _record(connection: asyncpg.Connection, outcome: str, details: dict[str, Any]) -> None:
    entry = Entry(actor=command_line(), action="prune", outcome=outcome, details=details)
    await connection.execute(INSERT, as_json([entry]))
