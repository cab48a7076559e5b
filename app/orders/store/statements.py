"""The SQL that writes orders: each statement updates the row and logs the event, or does neither.

Multi-row statements lock rows in the order of their keys, so that no two of them deadlock. Conditions on status or
owner are written as CASE, which no index can answer: the planner has to find rows by key, whatever its statistics say.
"""

from app.orders.lifecycle import HALTED, NO_ATTEMPT, sql_list
from app.orders.store.daily_volumes import COUNTED
from app.orders.store.kill_switch import is_halted, is_stopped
from app.orders.store.reads import ORDER_COLUMNS

# For how long the sweeper trusts that the process that wrote a row also queued it.
SWEEP_AFTER = "interval '5 seconds'"

_NO_ATTEMPT = sql_list(NO_ATTEMPT)

EVENT_COLUMNS = "order_id, seq, status, attempt, at, details"


def logged(source: str, *, details: str = "NULL::json", where: str = "true", returning: str = "") -> str:
    """The CTE that logs the event of each row of `source`, a CTE that returns the orders it has changed."""
    return f"""logged AS (
    INSERT INTO order_events ({EVENT_COLUMNS})
    SELECT id, seq, status, attempt, updated_at, {details} FROM {source} WHERE {where}
    {returning})"""


PLACE = f"""
WITH requested AS (
    SELECT * FROM json_to_recordset($1) AS r(
        id uuid, owner text, type text, token_in text, token_out text, amount_in numeric, slippage_bps int,
        min_amount_out numeric, max_price_impact_bps int, venues text[], expires_in_seconds int,
        client_order_id text, retry_of uuid, usd_value numeric, max_order_usd bigint, idempotency_key text,
        fingerprint text, request_id text)
), placed AS (
    INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, min_amount_out,
                        max_price_impact_bps, venues, expires_at, client_order_id, retry_of, usd_value,
                        max_order_usd, idempotency_key, fingerprint, request_id, status, seq, ready_at, look_at,
                        created_at, updated_at)
    SELECT id, owner, type, token_in, token_out, amount_in, slippage_bps, min_amount_out,
           max_price_impact_bps, venues, now() + nullif(expires_in_seconds, 0) * interval '1 second',
           client_order_id, retry_of, usd_value, max_order_usd, idempotency_key, decode(fingerprint, 'hex'), request_id,
           'pending', 1, now(),
           least(now() + {SWEEP_AFTER}, now() + nullif(expires_in_seconds, 0) * interval '1 second'), now(), now()
      FROM requested WHERE NOT {is_stopped("owner")} ORDER BY owner, idempotency_key, id
    ON CONFLICT DO NOTHING
    RETURNING id, owner, usd_value, seq, status, attempt, created_at, updated_at
), {COUNTED}, {logged("placed")}
SELECT id, status AS first_status, created_at FROM placed
"""

# The row that ON CONFLICT met is often too new for that statement's snapshot: a second statement sees it.
PLACED_BEFORE = """
SELECT o.id, o.owner, o.idempotency_key, o.fingerprint, o.status, o.created_at,
       CASE WHEN o.id = r.id
            THEN (SELECT e.status FROM order_events e WHERE e.order_id = o.id AND e.seq = 1) END AS first_status
  FROM json_to_recordset($1) AS r(id uuid, owner text, idempotency_key text)
  JOIN orders o ON o.id = r.id OR (o.owner = r.owner AND o.idempotency_key = r.idempotency_key)
"""

# The deadline of a start is compared with the clock as it is now, and not with now(), when the statement began: see
# `app/orders/queue/start_limit.py`. Locking a row can take long, so it is compared again once all of them are locked.
CLAIM = f"""
WITH free AS (
    SELECT id, start_by FROM orders JOIN unnest($1::uuid[], $3::float8[]) AS claim(id, start_by) USING (id)
     WHERE (lease_until IS NULL OR lease_until <= now())
       AND CASE status WHEN 'submitted' THEN true
                       WHEN 'pending' THEN clock_timestamp() <= to_timestamp(start_by) AND ready_at <= now()
                            AND ((attempt > 0 AND code IS DISTINCT FROM '{HALTED}')
                                 OR expires_at IS NULL OR expires_at > now())
                            AND NOT {is_halted("orders.owner")} END
     ORDER BY id FOR UPDATE OF orders
), locked AS MATERIALIZED (
    SELECT clock_timestamp() AS at FROM (SELECT count(*) FROM free) AS all_locked
), claimed AS (
    UPDATE orders o
       SET status = CASE o.status WHEN 'pending' THEN 'routing' ELSE o.status END,
           seq = o.seq + (o.status = 'pending')::int,
           attempt = o.attempt + (o.status = 'pending' AND coalesce(o.code, '') NOT IN ({_NO_ATTEMPT}))::int,
           claims = o.claims + (o.status = 'pending')::int,
           fence = o.fence + 1, error = NULL, code = NULL,
           lease_until = now() + $2 * interval '1 second', look_at = now() + $2 * interval '1 second',
           updated_at = now()
      FROM free, locked
     WHERE o.id = free.id AND (o.lease_until IS NULL OR o.lease_until <= now())
       AND CASE o.status WHEN 'pending' THEN locked.at <= to_timestamp(free.start_by) WHEN 'submitted' THEN true END
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
MOVE = f"""
WITH step AS (
    SELECT * FROM json_to_recordset($1) AS s(
        id uuid, fence int, seq int, before text, after text, ready_in float8, details json, error text, code text,
        floor_out numeric, swap json, tx_hash text, dex text, executed_price numeric, amount_out numeric)
), owned AS (
    SELECT o.id FROM orders o JOIN step s USING (id)
     WHERE o.fence = s.fence AND o.status = s.before AND o.seq = s.seq - (s.after <> s.before)::int
       AND NOT (s.after = 'submitted' AND s.before <> 'submitted' AND {is_halted("o.owner")})
     ORDER BY o.id FOR UPDATE OF o
), moved AS (
    UPDATE orders o
       SET status = s.after, seq = s.seq, error = s.error, code = s.code,
           floor_out = coalesce(o.floor_out, s.floor_out),
           swap = coalesce(s.swap, o.swap), tx_hash = coalesce(s.tx_hash, o.tx_hash), dex = coalesce(s.dex, o.dex),
           executed_price = s.executed_price, amount_out = s.amount_out,
           claims = CASE WHEN s.after = 'submitted'
                           OR (s.after = 'pending' AND coalesce(s.code, '') NOT IN ({_NO_ATTEMPT})) THEN 0
                         WHEN s.after = 'pending' THEN greatest(o.claims - 1, 0)
                         ELSE o.claims END,
           lease_until = CASE WHEN s.after = ANY($3) OR s.ready_in IS NOT NULL THEN NULL
                              ELSE now() + $2 * interval '1 second' END,
           ready_at = CASE WHEN s.code = '{HALTED}' OR s.ready_in IS NULL THEN o.ready_at
                           ELSE now() + s.ready_in * interval '1 second' END,
           look_at = coalesce(now() + s.ready_in * interval '1 second' + {SWEEP_AFTER},
                              now() + $2 * interval '1 second'),
           updated_at = now()
      FROM step s JOIN owned USING (id)
     WHERE o.id = s.id AND o.fence = s.fence AND o.status = s.before
       AND o.seq = s.seq - (s.after <> s.before)::int
    RETURNING o.id, o.seq, o.status, o.attempt, o.updated_at, s.before, s.details
), {logged("moved", details="details", where="status <> before")}
SELECT id, attempt, updated_at FROM moved
"""

RENEW = """
WITH held AS (
    SELECT o.id FROM orders o JOIN json_to_recordset($1) AS r(id uuid, fence int) USING (id)
     WHERE o.fence = r.fence AND o.lease_until IS NOT NULL ORDER BY o.id FOR UPDATE OF o
)
UPDATE orders o SET lease_until = now() + $2 * interval '1 second', look_at = now() + $2 * interval '1 second'
  FROM held WHERE o.id = held.id AND o.lease_until IS NOT NULL
"""

CLOCK = "SELECT clock_timestamp() AS clock"

# Read for moves that wrote nothing: the lease is lost, or an earlier try of the same move has happened.
CURRENT = "SELECT id, fence, seq, status, attempt, updated_at FROM orders WHERE id = ANY($1::uuid[])"

CANCEL = f"""
WITH cancelled AS (
    UPDATE orders SET status = 'cancelled', seq = seq + 1, fence = fence + 1, lease_until = NULL,
           error = NULL, code = NULL, updated_at = now()
     WHERE id = $1 AND CASE owner WHEN $2 THEN status = ANY($3) END
    RETURNING *
), {logged("cancelled")}
SELECT {ORDER_COLUMNS} FROM cancelled
"""
