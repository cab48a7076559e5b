"""The SQL of deliveries.

The statement that logs an event writes its deliveries (`logged` in `app/orders/store/statements.py`), so there is one
of each event that was committed, and none of any other. A reader that follows the log instead would have to know that
no transaction with an older event can still commit. That takes one more indexed column in every event, and after a
restore the numbers of transactions are others.
"""

from app.postgres.running import SOON
from app.webhooks.backoff import TRIED_FOR_DAYS

LEASE_SECONDS = 15
LONGEST_PAUSE = 60  # seconds between attempts at a webhook of which nothing arrives
TRIED_FOR = f"interval '{TRIED_FOR_DAYS} days'"
PER_OWNER = 4  # webhooks of one owner that a watcher serves at once
PAGE = 100
DELETED = 1_000  # deliveries in one statement
HURRIED = 2_000  # the same
DISABLED = "webhook.disabled"  # in the audit log

# A time further ahead than any lease or pause: the clock was set back.
_SERVED_NOW = f"coalesce(served_until BETWEEN now() AND now() + interval '{LONGEST_PAUSE} s', false)"
_FREE = f"NOT {_SERVED_NOW}"
_UNTIL = f"served_until = now() + interval '{LEASE_SECONDS} s'"
_SERVED = """w.id, w.owner, w.url, w.salt, w.digest, w.hurried_at, w.replayed_at,
          CASE WHEN w.previous_until > now() THEN w.previous_salt END AS previous_salt"""
# $1 this watcher, $2 at most so many. An owner of whom fewer are served comes first, then who was served longest ago.
# Slow receivers of a few owners leave room for those of others.
TAKE = f"""
WITH waiting AS MATERIALIZED (
    SELECT id, row_number() OVER (PARTITION BY owner ORDER BY served_until NULLS FIRST) AS place,
           (SELECT count(*) FROM webhooks o WHERE o.served_by = $1 AND o.owner = w.owner AND {_SERVED_NOW}) AS served
      FROM webhooks w
     WHERE disabled_at IS NULL AND {_FREE} AND (hurried_at IS NOT NULL OR EXISTS (
           SELECT FROM webhook_deliveries d
            WHERE d.webhook_id = w.id AND d.given_up_at IS NULL AND d.due_at <= now()))
), free AS MATERIALIZED (
    SELECT w.id FROM webhooks w JOIN waiting USING (id)
     WHERE served + place <= {PER_OWNER} AND disabled_at IS NULL AND {_FREE}
     ORDER BY served + place, served_until NULLS FIRST LIMIT $2 FOR UPDATE OF w SKIP LOCKED
)
UPDATE webhooks w SET served_by = $1, {_UNTIL} FROM free WHERE w.id = free.id RETURNING {_SERVED}
"""
# $2 webhooks that it serves. One that was switched off, deleted, or taken over is not returned. One that somebody has
# locked is served until its lease runs out, and holds up no other one.
KEEP = f"""
WITH free AS MATERIALIZED (
    SELECT id FROM webhooks WHERE id = ANY($2::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED
), kept AS (
    UPDATE webhooks w SET {_UNTIL} FROM free WHERE w.id = free.id AND served_by = $1 AND disabled_at IS NULL
    RETURNING {_SERVED}
)
SELECT *, true AS is_kept FROM kept
UNION ALL
SELECT {_SERVED}, false FROM webhooks w
 WHERE id = ANY($2::uuid[]) AND id NOT IN (SELECT id FROM free) AND served_by = $1 AND disabled_at IS NULL
"""
# While nothing arrives the pauses grow. See `fetch_soon`.
RELEASE = f"""
UPDATE webhooks
   SET served_by = NULL,
       served_until = now() + least(interval '{LONGEST_PAUSE} s', coalesce((now() - failing_since) / 4, interval '0'))
 WHERE id = ANY($2::uuid[]) AND served_by = $1 AND {SOON}
"""
BROKEN = """
UPDATE webhooks SET last_error = $2, failed_at = now(), failing_since = coalesce(failing_since, now()) WHERE id = $1
"""

# $1 a webhook, $2 at most so many. An event that is due before an earlier one of its order becomes due with that one:
# it comes after a delivery that failed, or its transaction began first and had to wait for a lock. Until it has, those
# behind it are not sent either.
DUE = """
WITH due AS MATERIALIZED (
    SELECT id, order_id, seq, due_at, created_at, attempts FROM webhook_deliveries
     WHERE webhook_id = $1 AND given_up_at IS NULL AND due_at <= now() ORDER BY due_at, seq LIMIT $2
), early AS MATERIALIZED (
    SELECT due.id, due.order_id, due.seq, before.due_at
      FROM due CROSS JOIN LATERAL (
           SELECT max(d.due_at) AS due_at FROM webhook_deliveries d
            WHERE d.webhook_id = $1 AND d.order_id = due.order_id AND d.seq < due.seq AND d.given_up_at IS NULL) before
     WHERE before.due_at > due.due_at
), put_off AS (
    UPDATE webhook_deliveries d SET due_at = early.due_at FROM early WHERE d.id = early.id
)
SELECT due.id, due.order_id, due.seq, due.created_at, due.attempts, e.status, e.attempt, e.at, e.details,
       o.type, o.token_in, o.token_out, o.client_order_id
  FROM due LEFT JOIN order_events e ON e.order_id = due.order_id AND e.seq = due.seq
           LEFT JOIN orders o ON o.id = due.order_id
 WHERE NOT EXISTS (SELECT FROM early WHERE early.order_id = due.order_id AND early.seq <= due.seq)
 ORDER BY due.order_id, due.seq
"""

# In each: $1 a webhook, $2 where the page before has ended, $3 at most so many. They do nothing in one statement that
# grows with what waits. All of `REPLAY`, $4 what was given up until then, goes before `HURRY`: an event never becomes
# due while an earlier one of its order is given up.
REPLAY = """
WITH page AS MATERIALIZED (
    SELECT id, given_up_at FROM webhook_deliveries
     WHERE webhook_id = $1 AND given_up_at >= coalesce($2::timestamptz, '-infinity') AND given_up_at <= $4
     ORDER BY given_up_at, seq LIMIT $3 FOR UPDATE
), again AS (
    UPDATE webhook_deliveries d SET given_up_at = NULL, first_at = NULL, attempts = 0, due_at = now()
      FROM page WHERE d.id = page.id
)
SELECT max(given_up_at) AS until FROM page
"""
HURRY = """
WITH page AS MATERIALIZED (
    SELECT id, due_at FROM webhook_deliveries
     WHERE webhook_id = $1 AND given_up_at IS NULL AND due_at > now() AND due_at >= coalesce($2::timestamptz, now())
     ORDER BY due_at, seq LIMIT $3 FOR UPDATE
), again AS (
    UPDATE webhook_deliveries d SET due_at = now() FROM page WHERE d.id = page.id
)
SELECT max(due_at) AS until FROM page
"""
HURRY_DONE = "UPDATE webhooks SET hurried_at = NULL, replayed_at = NULL WHERE id = $1 AND hurried_at = $2"

# Of a test there is one attempt. A webhook is switched off if it says that it is gone, or if a delivery is given up and
# nothing has arrived since its first attempt. One that answers again after a while gets at once what waits for it.
#
# Nothing is recorded of a webhook that somebody has locked, or of such a delivery: these are returned as `locked`.
RECORD = f"""
WITH told AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1) AS r(id uuid, webhook_id uuid, arrived bool, error text, gone bool, wait float8)
), webhooks_held AS MATERIALIZED (
    SELECT id FROM webhooks WHERE id = ANY(ARRAY(SELECT webhook_id FROM told)) ORDER BY id FOR UPDATE SKIP LOCKED
), held AS MATERIALIZED (
    SELECT id FROM webhook_deliveries WHERE id = ANY(ARRAY(SELECT id FROM told)) ORDER BY id FOR UPDATE SKIP LOCKED
), locked AS MATERIALIZED (
    SELECT id FROM webhook_deliveries
     WHERE id = ANY(ARRAY(SELECT id FROM told)) AND id NOT IN (SELECT id FROM held)
    UNION SELECT told.id FROM told JOIN webhooks w ON w.id = told.webhook_id
     WHERE w.id = ANY(ARRAY(SELECT webhook_id FROM told)) AND w.id NOT IN (SELECT id FROM webhooks_held)
), result AS MATERIALIZED (
    SELECT * FROM told WHERE id NOT IN (SELECT id FROM locked)
), ended AS (
    DELETE FROM webhook_deliveries d USING result r WHERE d.id = r.id AND (r.error IS NULL OR d.order_id IS NULL)
), failed AS (
    UPDATE webhook_deliveries d
       SET attempts = d.attempts + 1, error = r.error, first_at = coalesce(d.first_at, now()),
           due_at = least(now() + r.wait * interval '1 s', coalesce(d.first_at, now()) + {TRIED_FOR}),
           given_up_at = CASE WHEN d.first_at <= now() - {TRIED_FOR} THEN now() END
      FROM result r WHERE d.id = r.id AND r.error IS NOT NULL AND d.order_id IS NOT NULL
    RETURNING d.webhook_id, d.first_at, d.given_up_at
), summary AS MATERIALIZED (
    SELECT r.webhook_id, bool_or(r.arrived) AS arrived, bool_or(r.gone) AS gone, max(r.error) AS error,
           (SELECT min(f.first_at) FROM failed f WHERE f.webhook_id = r.webhook_id AND f.given_up_at IS NOT NULL)
             AS given_up
      FROM result r GROUP BY r.webhook_id
), changed AS (
    UPDATE webhooks w
       SET delivered_at = CASE WHEN s.arrived THEN now() ELSE w.delivered_at END,
           failed_at = CASE WHEN s.error IS NULL THEN w.failed_at ELSE now() END,
           last_error = coalesce(s.error, w.last_error),
           hurried_at = CASE WHEN s.arrived AND w.failing_since < now() - interval '{LONGEST_PAUSE} s' THEN now()
                             ELSE w.hurried_at END,
           failing_since = CASE WHEN s.arrived THEN NULL WHEN s.error IS NULL THEN w.failing_since
                                ELSE coalesce(w.failing_since, now()) END,
           disabled_at = CASE WHEN ends THEN now() ELSE w.disabled_at END,
           disabled_why = CASE WHEN ends THEN CASE WHEN s.gone THEN 'it answered 410 Gone'
                                                  ELSE 'nothing has arrived for three days' END
                               ELSE w.disabled_why END
      FROM summary s, LATERAL (
           SELECT w2.disabled_at IS NULL AND (s.gone OR (NOT s.arrived AND w2.failing_since <= s.given_up)) AS ends
             FROM webhooks w2 WHERE w2.id = s.webhook_id) AS verdict
     WHERE w.id = s.webhook_id
    RETURNING w.id, w.owner, w.disabled_why, ends
), audited AS (
    INSERT INTO audit_log (action, outcome, owner, details, left_out)
    SELECT '{DISABLED}', 'done', owner, json_build_object('webhook', id, 'why', disabled_why), 0 FROM changed WHERE ends
)
SELECT id, owner, disabled_why, NULL::uuid AS locked FROM changed WHERE ends
UNION ALL SELECT NULL, NULL, NULL, id FROM locked
"""

# How long the delivery has been due that has been due for longest, of webhooks where deliveries arrive; and the time.
BEHIND = """
SELECT coalesce(extract(epoch FROM max(now() - d.due_at)), 0)::float8 AS seconds, clock_timestamp() AS at
  FROM webhooks w CROSS JOIN LATERAL (
       SELECT due_at FROM webhook_deliveries d
        WHERE d.webhook_id = w.id AND d.given_up_at IS NULL ORDER BY due_at LIMIT 1) d
 WHERE w.disabled_at IS NULL AND w.failing_since IS NULL AND d.due_at <= now()
"""
# What a deleted webhook leaves, in pages, and then its row. A statement that saw the webhook may still write one.
DELETE = f"""
WITH page AS (
    SELECT d.id FROM webhooks w CROSS JOIN LATERAL (
           SELECT id FROM webhook_deliveries d WHERE d.webhook_id = w.id
            ORDER BY order_id, seq LIMIT {DELETED} FOR UPDATE SKIP LOCKED) d -- ordered, so that an index is read
     WHERE w.deleted_at IS NOT NULL LIMIT {DELETED}
), gone AS (
    DELETE FROM webhook_deliveries d USING page WHERE d.id = page.id RETURNING d.id
), forgotten AS (
    DELETE FROM webhooks w WHERE w.deleted_at < now() - interval '1 minute'
       AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.webhook_id = w.id)
)
SELECT count(*) AS deliveries FROM gone
"""
# The clock was set back: what waits would do so until it has caught up. $1: this process has seen a later time.
SET_BACK = """
UPDATE webhooks w
   SET hurried_at = now(), delivered_at = least(delivered_at, now()), failed_at = least(failed_at, now())
 WHERE disabled_at IS NULL AND ($1 OR greatest(delivered_at, failed_at) > now() + interval '1 s' OR (
       SELECT d.created_at FROM webhook_deliveries d
        WHERE d.webhook_id = w.id AND d.given_up_at IS NULL ORDER BY d.due_at DESC, d.seq DESC LIMIT 1
       ) > now() + interval '1 s')
"""
