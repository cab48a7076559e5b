"""Whether this engine has to reconcile with the chain, and which database it has.

A restored backup, or a standby that was behind, has forgotten the newest orders and swaps. While reconciling nothing
starts, nothing is sent, and nothing expires: `is_halted` and `may_fire` in `app/orders/kill_switch/states.py` look at
the row RECONCILING of `trading_states`, next to the operator's. Orders are accepted meanwhile.

- The database is compared with the one that was there before, on each new connection that may write, before it is used,
  and by the statements themselves (`app/orders/kill_switch/same_database.py`): then a worker begins.
- The same database may hold older data: see `worker/reconciler.py`, which also does the work and ends it.
- A stream that has delivered events which the database does not have begins it too (`app/orders/events/feed.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import asyncpg

from app.audit import Actor, Entry, as_json, insert, note
from app.orders.kill_switch.same_database import SYSTEM, TIMELINE
from app.orders.kill_switch.states import IS_RECONCILING, RECONCILING, TradingState
from app.orders.kill_switch.switch import CLEARANCE_SECONDS
from app.postgres.running import fetch, transaction

ENGINE = Actor(owner="engine")
OTHER_DATABASE = "the database is another one than before"
OTHER_TABLES = "the tables were made anew: a backup was restored"
BEHIND_STREAMS = "streams have delivered events that the database does not have"
TURN_SECONDS = 10

# A table that is dropped and made again, as by pg_restore, has another oid.
COMPARE = f"""
SELECT now.identity, r.identity AS before, now.orders_oid, r.orders_oid AS oid_before FROM (
    SELECT {SYSTEM} || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/'
           || {TIMELINE} AS identity,
           'orders'::regclass::oid::bigint AS orders_oid
) now LEFT JOIN reconciliation r ON true
"""
FIRST = "INSERT INTO reconciliation (identity, orders_oid) VALUES ($1, $2) ON CONFLICT DO NOTHING"
# $1, $2 what there is now, $3, $4 what there was. Of several connections that notice it one gets the row.
REPLACED = """
UPDATE reconciliation SET identity = $1, orders_oid = $2 WHERE identity = $3 AND orders_oid IS NOT DISTINCT FROM $4
RETURNING one
"""
# $1 why, $2 who, $3 the entry for the audit log. $4: not if it goes on already. To begin again takes longer, and is
# needed only if the database is another one again.
BEGIN = f"""
WITH here AS (
    UPDATE reconciliation SET stopped_height = NULL, waits_for = NULL WHERE NOT ($4::bool AND {IS_RECONCILING})
    RETURNING one
), stopped AS (
    INSERT INTO trading_states (scope, state, reason, set_by, set_at)
    SELECT '{RECONCILING}', '{TradingState.HALTED}', $1::text, $2::text, clock_timestamp() FROM here
    ON CONFLICT (scope) DO UPDATE SET state = excluded.state, reason = excluded.reason, set_by = excluded.set_by,
                                      set_at = clock_timestamp()
    RETURNING scope
), audited AS ({insert("$3")} WHERE EXISTS (SELECT FROM stopped))
SELECT scope FROM stopped
"""
_STATE = f"""
SELECT t.reason, t.set_at, r.stopped_height,
       t.set_at < clock_timestamp() - interval '{CLEARANCE_SECONDS} s' AS all_sent, r.waits_for
  FROM trading_states t, %s r WHERE t.scope = '{RECONCILING}' AND t.state = '{TradingState.HALTED}'
"""
STATE = _STATE % "reconciliation"
# $1 a worker. One at a time asks the chain; another one goes on TURN_SECONDS after that one was heard of last.
TAKE_TURN = f"""
WITH mine AS (
    UPDATE reconciliation SET worker = $1, worker_until = clock_timestamp() + interval '{TURN_SECONDS} s'
     WHERE {IS_RECONCILING} AND (worker = $1 OR coalesce(worker_until < clock_timestamp(), true))
    RETURNING stopped_height, waits_for
){_STATE % "mine"}"""
WAITS_FOR = "UPDATE reconciliation SET waits_for = $1 WHERE waits_for IS DISTINCT FROM $1"
# $2 when it was begun
STOPPED = f"""
UPDATE reconciliation SET stopped_height = $1
 WHERE stopped_height IS NULL AND EXISTS (SELECT FROM trading_states WHERE scope = '{RECONCILING}' AND set_at = $2)
"""
# $1 when it was begun: it may have been begun again meanwhile. $2 the entries for the audit log, $3 owners to halt, and
# $4 why: a worker that was frozen must halt nobody once another one has ended it.
END = f"""
WITH ended AS (
    UPDATE trading_states SET state = '{TradingState.ACTIVE}', set_at = clock_timestamp()
     WHERE scope = '{RECONCILING}' AND state = '{TradingState.HALTED}' AND set_at = $1 RETURNING scope
), halted AS (
    INSERT INTO trading_states (scope, state, reason, set_by, set_at)
    SELECT owner, '{TradingState.HALTED}', $4::text, '{ENGINE.owner}', clock_timestamp()
      FROM ended, unnest($3::text[]) AS owner ORDER BY owner
    ON CONFLICT (scope) DO UPDATE SET state = excluded.state, reason = excluded.reason, set_by = excluded.set_by,
                                      set_at = excluded.set_at WHERE trading_states.state <> excluded.state
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
    waits_for: str | None  # what its end waits for; None: no worker has said it yet


async def begin(connection: Any, reason: str, *, actor: Actor = ENGINE, again: bool = True) -> bool:
    """From now on nothing starts, until a worker has asked the chain about everything. By a pool or a connection.

    False, with `again=False`: it goes on already.
    """
    identity, before, orders_oid, oid_before = await connection.fetchrow(COMPARE)
    await connection.execute(FIRST, identity, orders_oid)
    await connection.execute(REPLACED, identity, orders_oid, before, oid_before)
    entry = Entry(actor=actor, action="reconciling.begin", outcome="done", details={"reason": reason})
    if not await connection.fetch(BEGIN, reason, actor.owner or "", as_json([entry]), not again):
        return False
    note([entry])
    return True


async def compare_database(connection: asyncpg.Connection) -> None:
    """Of a new connection, before anything is written through it: begins, if the database is not that of before."""
    try:
        ((identity, before, orders_oid, oid_before),) = await connection.fetch(COMPARE)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):  # not migrated yet, so nothing starts
        return
    if identity is None:  # it would be kept after a promotion, without having been compared
        raise ConnectionError("a standby takes no writes")
    if (identity, orders_oid) == (before, oid_before):
        return
    if before is None:
        await connection.execute(FIRST, identity, orders_oid)
        return
    async with connection.transaction():
        replaced = await connection.fetch(REPLACED, identity, orders_oid, before, oid_before)
        if replaced and (identity != before or oid_before is not None):
            await begin(connection, OTHER_TABLES if identity == before else OTHER_DATABASE)


class ReconcilingState:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def begin(self, reason: str) -> bool:
        """Unless it goes on already."""
        async with transaction(self._pool) as connection:
            return await begin(connection, reason, again=False)

    async def compare(self) -> None:
        """Begins, if the database is not that of before: a pooler may have led connections to another one."""
        async with transaction(self._pool) as connection:
            await compare_database(cast("asyncpg.Connection", connection))

    async def read(self) -> Reconciling | None:
        rows = await fetch(self._pool, STATE)
        return Reconciling(*rows[0]) if rows else None

    async def take_turn(self, worker: str) -> Reconciling | None:
        """For this worker; None: it has ended, or another worker does it."""
        rows = await fetch(self._pool, TAKE_TURN, worker)
        return Reconciling(*rows[0]) if rows else None

    async def waits_for(self, what: str) -> None:
        await fetch(self._pool, WAITS_FOR, what)

    async def stopped(self, began: Reconciling, height: int) -> None:
        """The chain has had this height since the last permission to send has expired."""
        await fetch(self._pool, STOPPED, height, began.began_at)

    async def end(
        self, began: Reconciling, found: Mapping[str, int], *, halt: Sequence[str] = (), why: str = ""
    ) -> bool:
        """Nothing of the owners to `halt` starts until an operator releases them.

        False: it was ended by another worker, or begun again, and nothing was done.
        """
        halted = [{"scope": owner, "state": TradingState.HALTED, "reason": why} for owner in halt]
        entries = [
            Entry(actor=ENGINE, action="reconciling.end", outcome="done", details={"reason": began.reason, **found}),
            *(Entry(actor=ENGINE, action="kill_switch.set", outcome="done", details=details) for details in halted),
        ]
        if not await fetch(self._pool, END, began.began_at, as_json(entries), halt, why):
            return False
        note(entries)
        return True
