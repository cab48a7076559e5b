"""After the clock of Postgres was set back: times that lie in the future are mended."""

from app.orders.kill_switch.states import TradingState
from app.orders.lifecycle import UNDER_WAY, sql_list

MEND_AFTER = "interval '1 second'"  # less is left alone: clocks are corrected by some milliseconds all the time

# An order that was written in the future: the clock was set back. Its times move back with the clock; a wait begins
# again. A lease is renewed without another change, so it may be all there is to see. Locked ones are mended later.
_IN_FUTURE = f"""
status IN ({sql_list(UNDER_WAY)}) AND look_at > '-infinity'
       AND (updated_at > now() + {MEND_AFTER} OR lease_until > now() + $1 * interval '1 second' + {MEND_AFTER})
"""
_TURN_IN_FUTURE = "one AND worker_until > clock_timestamp() + interval '20 s'"
_SWITCHES_IN_FUTURE = f"state <> '{TradingState.ACTIVE}' AND set_at > clock_timestamp() + {MEND_AFTER}"
ANY_IN_FUTURE = f"""
(SELECT FROM orders WHERE {_IN_FUTURE} LIMIT 1)
UNION ALL (SELECT FROM trading_states WHERE {_SWITCHES_IN_FUTURE} LIMIT 1)
UNION ALL (SELECT FROM reconciliation WHERE {_TURN_IN_FUTURE})
"""
MEND_ORDERS = f"""
WITH ahead AS (
    SELECT id, greatest(updated_at - now(), interval '0') AS by, now() + $1 * interval '1 second' AS lease
      FROM orders WHERE {_IN_FUTURE} ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE orders o
   SET updated_at = o.updated_at - by, ready_at = o.ready_at - by, expires_at = o.expires_at - by,
       lease_until = least(o.lease_until, lease), look_at = now()
  FROM ahead WHERE o.id = ahead.id
RETURNING o.id
"""

# What was set in the future would hold until the clock has caught up: a halt that seems to be later than the request
# that releases it could not be released, and the engine would go on to reconcile. So would the turn of a worker that
# has died, which lasts ten seconds.
MEND_SWITCHES = f"""
WITH turn AS (
    UPDATE reconciliation SET worker_until = NULL WHERE one IN (
        SELECT one FROM reconciliation WHERE {_TURN_IN_FUTURE} FOR UPDATE SKIP LOCKED)
)
UPDATE trading_states SET set_at = clock_timestamp() WHERE scope IN (
    SELECT scope FROM trading_states WHERE {_SWITCHES_IN_FUTURE} FOR UPDATE SKIP LOCKED)
"""
