"""Whether this engine has to reconcile with the chain, and which database it has.

A restored backup, or a standby that was behind, has forgotten the newest orders and swaps. While reconciling nothing
starts, nothing is sent, and nothing expires: `is_halted` and `may_fire` in `app/orders/store/kill_switch.py` look at
the row RECONCILING of `trading_states`, next to the operator's. Orders are accepted meanwhile.

- The database is compared with the one that was there before, on each new connection that may write, before it is used.
- The same database may hold older data: see `worker/reconciler.py`, which also does the work and ends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from app.audit import Actor, Entry, as_json, insert, note
from app.orders.store.kill_switch import CLEARANCE_SECONDS, RECONCILING, TradingState
from app.postgres import fetch, transaction

ENGINE = Actor(owner="engine")
OTHER_DATABASE = "the database is another one than before"

# The timeline is that of the WAL file which is written now: it changes with each promotion and recovery to a point.
# A standby writes none.
COMPARE = """
SELECT now.identity, r.identity AS before FROM (
    SELECT (SELECT system_identifier FROM pg_control_system()) || '/'
           || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/'
           || CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS identity
) now LEFT JOIN reconciliation r ON true
"""
FIRST = "INSERT INTO reconciliation (identity) VALUES ($1) ON CONFLICT DO NOTHING"
# $1 why, $2 who, $3 the entry for the audit log, $4 the new identity, $5 that it replaces; NULL: any.
BEGIN = f"""
WITH here AS (
    UPDATE reconciliation SET identity = coalesce($4::text, identity), stopped_height = NULL
     WHERE $5::text IS NULL OR identity = $5 RETURNING identity
), stopped AS (
    INSERT INTO trading_states (scope, state, reason, set_by, set_at)
    SELECT '{RECONCILING}', '{TradingState.HALTED}', $1::text, $2::text, clock_timestamp() FROM here
    ON CONFLICT (scope) DO UPDATE SET state = excluded.state, reason = excluded.reason, set_by = excluded.set_by,
                                      set_at = clock_timestamp()
    RETURNING scope
), audited AS ({insert("$3")} WHERE EXISTS (SELECT FROM stopped))
SELECT scope FROM stopped
"""
STATE = f"""
SELECT t.reason, t.set_at, r.stopped_height, t.set_at < clock_timestamp() - interval '{CLEARANCE_SECONDS} s' AS all_sent
  FROM trading_states t, reconciliation r WHERE t.scope = '{RECONCILING}' AND t.state = '{TradingState.HALTED}'
"""
# $2 when it was begun
STOPPED = f"""
UPDATE reconciliation SET stopped_height = $1
 WHERE stopped_height IS NULL AND EXISTS (SELECT FROM trading_states WHERE scope = '{RECONCILING}' AND set_at = $2)
"""
# $1 when it was begun: it may have been begun again meanwhile. $2 the entry for the audit log
END = f"""
WITH ended AS (
    UPDATE trading_states SET state = '{TradingState.ACTIVE}', set_at = clock_timestamp()
     WHERE scope = '{RECONCILING}' AND state = '{TradingState.HALTED}' AND set_at = $1 RETURNING scope
), audited AS ({insert("$2")} WHERE EXISTS (SELECT FROM ended))
SELECT scope FROM ended
"""


@dataclass(frozen=True, slots=True)
class Reconciling:
    """What is known of it while it lasts."""

    reason: str
    began_at: datetime
    stopped_height: int | None  # a height after which nothing was sent any more; None: not read yet
    all_sent: bool  # whether the last permission to send has expired


def _entry(reason: str, actor: Actor) -> Entry:
    return Entry(actor=actor, action="reconciling.begin", outcome="done", details={"reason": reason})


def _begin_arguments(reason: str, actor: Actor) -> tuple[str, str, str]:
    return reason, actor.owner or "", as_json([_entry(reason, actor)])


async def begin(connection: Any, reason: str, *, actor: Actor = ENGINE) -> None:
    """From now on nothing starts, until a worker has asked the chain about everything. By a pool or a connection.

    `engine restore` calls this before any process of the engine runs on what was restored.
    """
    await connection.execute(FIRST, await connection.fetchval(COMPARE))
    await connection.fetch(BEGIN, *_begin_arguments(reason, actor), None, None)
    note([_entry(reason, actor)])


async def compare_database(connection: asyncpg.Connection) -> None:
    """Of a new connection, before anything is written through it: begins, if the database is not that of before."""
    try:
        ((identity, before),) = await connection.fetch(COMPARE)
    except asyncpg.UndefinedTableError:  # not migrated yet, so nothing starts
        return
    if identity is None:  # it would be kept after a promotion, without having been compared
        raise ConnectionError("a standby takes no writes")
    if identity == before:
        return
    if before is None:
        await connection.execute(FIRST, identity)
    elif await connection.fetch(BEGIN, *_begin_arguments(OTHER_DATABASE, ENGINE), identity, before):
        note([_entry(OTHER_DATABASE, ENGINE)])


class ReconcilingState:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def begin(self, reason: str) -> None:
        async with transaction(self._pool) as connection:
            await begin(connection, reason)

    async def read(self) -> Reconciling | None:
        rows = await fetch(self._pool, STATE)
        return Reconciling(*rows[0]) if rows else None

    async def stopped(self, began: Reconciling, height: int) -> None:
        """The chain has had this height since the last permission to send has expired."""
        await fetch(self._pool, STOPPED, height, began.began_at)

    async def end(self, began: Reconciling, found: Mapping[str, int]) -> bool:
        """False: it was ended by another worker, or begun again."""
        details = {"reason": began.reason, **found}
        entry = Entry(actor=ENGINE, action="reconciling.end", outcome="done", details=details)
        if not await fetch(self._pool, END, began.began_at, as_json([entry])):
            return False
        note([entry])
        return True
