"""The SQL that writes orders: each statement updates the row and logs the event, or does neither.

Multi-row statements lock rows in the order of their keys, so that no two of them deadlock. Conditions on status or
owner are written as CASE, which no index can answer, and a join to `orders` also says `id = ANY`: the planner has to
find rows by key, whatever its statistics say. A plan may be older than most of a table's rows.
"""

from app.orders.kill_switch.states import IS_RECONCILING, is_halted
from app.orders.lifecycle import CANCELLED_BY_OWNER, EXPIRED, HALTED, NO_ATTEMPT, sql_list
from app.orders.store.reads import ORDER_COLUMNS
from app.postgres.running import SOON

# For how long the sweeper trusts that the process that wrote a row also queued it.
SWEEP_AFTER = "interval '5 seconds'"

_NO_ATTEMPT = sql_list(NO_ATTEMPT)

CANCELLED_DETAILS = f'{{"code":"{CANCELLED_BY_OWNER}"}}'
# In MOVE: an order was to be cancelled after its swap was sent, and the swap is proven dead. Until then its `code` says
# why; without one its owner asked for it.
_CANCELLED_INSTEAD = "(o.cancel_requested AND s.before = 'submitted' AND s.after IN ('pending', 'failed'))"
# While the engine reconciles, proof that this swap is dead does not end its order: another worker may have sent another
# one, which the database has forgotten. The lease runs out, and nothing else changes.
_ENDS_UNFILLED = f"(s.after = 'failed' OR {_CANCELLED_INSTEAD})"
_CANCEL_CODE = f"coalesce(o.code, '{CANCELLED_BY_OWNER}')"

EVENT_COLUMNS = "order_id, seq, status, attempt, at, details"


def logged(source: str, *, details: str = "NULL::json", where: str = "true", returning: str = "") -> str:
    """The CTE that logs the event of each row of `source`, a CTE that returns the orders it has changed; and the one
    that writes a delivery for each webhook of their owners. Without webhooks that is one look at an empty index.
    """
    return f"""logged AS (
    INSERT INTO order_events ({EVENT_COLUMNS})
    SELECT id, seq, status, attempt, updated_at, {details} FROM {source} WHERE {where}
    {returning}), delivered AS (
    INSERT INTO webhook_deliveries (webhook_id, order_id, seq)
    SELECT w.id, event.id, event.seq
      FROM (SELECT id, owner, seq, status FROM {source} WHERE {where}) AS event JOIN webhooks w USING (owner)
     WHERE w.disabled_at IS NULL AND (w.statuses IS NULL OR event.status = ANY(w.statuses)))"""


def slice_id(parent: str, number: str) -> str:
    """The SQL expression of the id that a slice has: derived, so that a slice that was forgotten is recognised."""
    return f"md5({parent}::text || '/' || {number})::uuid"


# Random, and another one than before. If claims counted 1, 2, 3, a database that was restored would give a fence again
# that it has forgotten, and the worker of before would still write with it. Leaves room: other writers add 1.
NEW_FENCE = "(o.fence + 1 + floor(random() * 1000000000)::int) % 1073741824"

# The deadline of a start is compared with the clock as it is now, and not with now(), when the statement began: see
# `app/orders/queue/start_limit.py`. So is $5, the time when the claim was sent: a clock that is before that was set
# back, and the deadline is too late by as much. It waits for no row: one that is locked, perhaps by a process that is
# frozen, is refused and queued again. So is one for another chain: a worker of this one would take its swap for lost.
CLAIM = f"""
WITH free AS (
    SELECT id FROM orders JOIN unnest($1::uuid[], $3::float8[]) AS claim(id, start_by) USING (id)
     WHERE id = ANY($1) AND (lease_until IS NULL OR lease_until <= now()) AND chain IS NOT DISTINCT FROM $4
       AND CASE status WHEN 'submitted' THEN NOT {IS_RECONCILING}
                       WHEN 'pending' THEN clock_timestamp() BETWEEN to_timestamp($5) AND to_timestamp(start_by)
                            AND ready_at <= now()
                            AND ((attempt > 0 AND code IS DISTINCT FROM '{HALTED}')
                                 OR expires_at IS NULL OR expires_at > now())
                            AND NOT {is_halted("orders.owner")} END
     ORDER BY id FOR UPDATE OF orders SKIP LOCKED
), claimed AS (
    UPDATE orders o
       SET status = CASE o.status WHEN 'pending' THEN 'routing' ELSE o.status END,
           seq = o.seq + (o.status = 'pending')::int,
           attempt = o.attempt + (o.status = 'pending' AND coalesce(o.code, '') NOT IN ({_NO_ATTEMPT}))::int,
           claims = o.claims + (o.status = 'pending')::int,
           fence = {NEW_FENCE}, error = NULL, code = CASE WHEN o.cancel_requested THEN o.code END,
           lease_until = now() + $2 * interval '1 second', look_at = now() + $2 * interval '1 second',
           updated_at = now()
      FROM free WHERE o.id = free.id AND o.id = ANY($1)
    RETURNING o.*
), {logged("claimed", where="status = 'routing'")}
SELECT {ORDER_COLUMNS} FROM claimed
"""

# An abandoned attempt is taken back by the sweeper. Until then, and because clocks round, the answer is at
# least half a second.
UNCLAIMED = f"""
SELECT id, status, extract(epoch FROM greatest(lease_until, ready_at) - now())::float8 AS seconds,
       CASE WHEN status = 'pending' AND {is_halted("owner")} THEN owner END AS halted_owner,
       clock_timestamp() AS clock
  FROM orders WHERE id = ANY($1::uuid[])
"""

# `claims` counts starts in a row that ended with a dead worker. An attempt that ended by itself clears it; an order
# that a worker released takes its own start off it, because no worker died.
#
# The move to `submitted` precedes the first send, so it obeys the kill switch. `worker/execution.py` asks again before
# it repeats a send. A halted order keeps its place in the queue: its `ready_at` stays.
#
# With details of `building` it is the moves to `building` and to `submitted` at once, and logs both.
MOVE = f"""
WITH step AS (
    SELECT * FROM json_to_recordset($1) AS s(
        id uuid, fence int, seq int, before text, after text, ready_in float8, details json, error text, code text,
        floor_out numeric, swap json, tx_hash text, dex text, executed_price numeric, amount_out numeric,
        seq_before int, building json)
), owned AS (
    SELECT o.id FROM orders o JOIN step s USING (id)
     WHERE o.id = ANY(ARRAY(SELECT id FROM step)) AND o.fence = s.fence AND o.status = s.before AND o.seq = s.seq_before
       AND NOT (s.after = 'submitted' AND s.before <> 'submitted' AND {is_halted("o.owner")})
       AND NOT ({_ENDS_UNFILLED} AND {IS_RECONCILING})
     ORDER BY o.id FOR UPDATE OF o SKIP LOCKED
), moved AS (
    UPDATE orders o
       SET status = CASE WHEN {_CANCELLED_INSTEAD} THEN 'cancelled' ELSE s.after END, seq = s.seq,
           error = s.error, code = CASE WHEN {_CANCELLED_INSTEAD} THEN {_CANCEL_CODE}
                                        WHEN s.after = s.before THEN o.code ELSE s.code END,
           floor_out = CASE WHEN o.limit_out IS NULL THEN coalesce(o.floor_out, s.floor_out)
                            ELSE coalesce(s.floor_out, o.floor_out) END,
           swap = coalesce(s.swap, o.swap), tx_hash = coalesce(s.tx_hash, o.tx_hash), dex = coalesce(s.dex, o.dex),
           executed_price = s.executed_price, amount_out = s.amount_out,
           claims = CASE WHEN s.after = 'submitted'
                           OR (s.after = 'pending' AND coalesce(s.code, '') NOT IN ({_NO_ATTEMPT})) THEN 0
                         WHEN s.after = 'pending' THEN greatest(o.claims - 1, 0)
                         ELSE o.claims END,
           lease_until = CASE WHEN s.after = ANY($3) OR s.ready_in IS NOT NULL OR {_CANCELLED_INSTEAD} THEN NULL
                              ELSE now() + $2 * interval '1 second' END,
           ready_at = CASE WHEN s.code = '{HALTED}' OR s.ready_in IS NULL THEN o.ready_at
                           ELSE now() + s.ready_in * interval '1 second' END,
           look_at = coalesce(now() + s.ready_in * interval '1 second' + {SWEEP_AFTER},
                              now() + $2 * interval '1 second'),
           updated_at = now()
      FROM step s JOIN owned USING (id)
     WHERE o.id = s.id AND o.id = ANY(ARRAY(SELECT id FROM owned))
       AND o.fence = s.fence AND o.status = s.before AND o.seq = s.seq_before
    RETURNING o.id, o.owner, o.seq, o.status, o.code, o.attempt, o.updated_at, s.before, s.building,
              CASE WHEN o.status = s.after THEN s.details ELSE json_build_object('code', o.code) END AS details
), events AS (
    SELECT id, owner, seq, status, attempt, updated_at, details FROM moved WHERE status <> before
    UNION ALL
    SELECT id, owner, seq - 1, 'building', attempt, updated_at, building FROM moved WHERE building IS NOT NULL
), {logged("events", details="details")}
SELECT id, status, code, attempt, updated_at FROM moved
"""

# Back to `open`. A cancel that was requested meanwhile comes first, and then the end of the order's time.
REARM = f"""
WITH step AS (
    SELECT * FROM json_to_recordset($1) AS s(
        id uuid, fence int, seq int, before text, error text, code text, wait float8, details json,
        feed text, op text, persist smallint, level numeric, rank smallint)
), owned AS (
    SELECT o.id FROM orders o JOIN step s USING (id)
     WHERE o.id = ANY(ARRAY(SELECT id FROM step)) AND o.fence = s.fence AND o.status = s.before AND o.seq = s.seq - 1
       AND NOT ((o.cancel_requested OR o.expires_at <= now()) AND {IS_RECONCILING})
     ORDER BY o.id FOR UPDATE OF o SKIP LOCKED
), moved AS (
    UPDATE orders o
       SET status = CASE WHEN o.cancel_requested THEN 'cancelled'
                         WHEN o.expires_at <= now() THEN 'expired' ELSE 'open' END,
           code = CASE WHEN o.cancel_requested THEN {_CANCEL_CODE}
                       WHEN o.expires_at <= now() THEN '{EXPIRED}' ELSE s.code END,
           seq = s.seq, error = s.error, attempt = 0, claims = 0, rearms = o.rearms + 1, floor_out = NULL,
           swap = NULL, tx_hash = NULL, dex = NULL, lease_until = NULL, look_at = 'infinity', updated_at = now()
      FROM step s JOIN owned USING (id)
     WHERE o.id = s.id AND o.id = ANY(ARRAY(SELECT id FROM owned))
       AND o.fence = s.fence AND o.status = s.before AND o.seq = s.seq - 1
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at, o.code, o.group_id, s.wait,
              CASE o.status WHEN 'open' THEN s.details ELSE json_build_object('code', o.code) END AS details,
              s.feed, s.op, s.persist, s.level, s.rank
), armed AS (
    INSERT INTO triggers (order_id, owner, order_type, feed, op, persist, level, base_level, look_at, group_id, rank)
    SELECT id, owner, type, feed, op, persist, level, level, now() + wait * interval '1 second',
           -- The entry of a group has it until it has ended; its trigger needs no other permission.
           (SELECT g.id FROM order_groups g WHERE g.id = moved.group_id AND g.entry IS DISTINCT FROM moved.id), rank
      FROM moved WHERE status = 'open' ORDER BY moved.id
), {logged("moved", details="details")}
SELECT id, status, code, attempt, updated_at FROM moved
"""

RENEW = """
WITH renewed AS (
    SELECT * FROM json_to_recordset($1) AS r(id uuid, fence int)
), held AS (
    SELECT o.id FROM orders o JOIN renewed r USING (id)
     WHERE o.id = ANY(ARRAY(SELECT id FROM renewed)) AND o.fence = r.fence AND o.lease_until IS NOT NULL
     ORDER BY o.id FOR UPDATE OF o SKIP LOCKED
)
UPDATE orders o SET lease_until = now() + $2 * interval '1 second', look_at = now() + $2 * interval '1 second'
  FROM held WHERE o.id = held.id AND o.id = ANY(ARRAY(SELECT id FROM held)) AND o.lease_until IS NOT NULL
"""

CLOCK = "SELECT clock_timestamp() AS clock"

# Read for moves that wrote nothing: the lease is lost, an earlier try of the same move has happened, or it is not
# allowed now. If none of these, somebody has locked the row: nobody waits for it, with all others of the statement.
CURRENT = f"""
SELECT id, fence, seq, status, code, attempt, updated_at, lease_until IS NULL AS is_free,
       {is_halted("owner")} AS is_halted, {IS_RECONCILING} AS is_reconciling
  FROM orders WHERE id = ANY($1::uuid[])
"""

# The trigger of an order that waits goes with it. It is locked first, as by the watchers: no two wait for each other.
# An order that goes back to `open` meanwhile is left alone: this statement cannot see its new trigger.
# While the engine reconciles, an order that seems to have waited may be filled.
CANCEL = f"""
WITH seen AS MATERIALIZED (
    SELECT status = 'open' AND NOT EXISTS (SELECT FROM triggers WHERE order_id = $1) AS has_no_trigger
      FROM orders WHERE id = $1
), gone AS (
    DELETE FROM triggers WHERE order_id = $1 AND owner = $2 AND NOT {IS_RECONCILING} AND {SOON} RETURNING order_id
), cancelled AS (
    UPDATE orders SET status = 'cancelled', seq = seq + 1, fence = fence + 1, lease_until = NULL,
           error = NULL, code = '{CANCELLED_BY_OWNER}', updated_at = now()
     WHERE id = $1 AND CASE owner WHEN $2 THEN status = ANY($3) END AND NOT {IS_RECONCILING} AND {SOON}
       AND ((SELECT count(*) = 1 FROM gone) OR status <> 'open' OR (SELECT has_no_trigger FROM seen))
    RETURNING *
), {logged("cancelled", details=f"'{CANCELLED_DETAILS}'::json")}
SELECT {ORDER_COLUMNS} FROM cancelled
"""
# Its swap may be on the chain: it is cancelled once that is proven dead.
REQUEST_CANCEL = f"""
UPDATE orders SET cancel_requested = true
 WHERE id = $1 AND CASE owner WHEN $2 THEN status = 'submitted' AND NOT cancel_requested END AND {SOON}
RETURNING {ORDER_COLUMNS}
"""
RECONCILES = f"SELECT WHERE {IS_RECONCILING}"
OWN = f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = $1 AND owner = $2"
