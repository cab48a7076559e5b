"""The SQL that fires, puts aside and ends orders that wait. Every change of an order is logged by its statement.

- Locks are taken in the order trigger, order. A row that another watcher has locked is skipped: that one handles it.
- A watcher may have been frozen between any two statements, so each compares the price with the clock itself.
- The kill switch is part of each statement that fires.
"""

from app.orders.kill_switch.states import IS_RECONCILING, may_fire
from app.orders.lifecycle import EXPIRED, Status
from app.orders.store.statements import SWEEP_AFTER, logged

NOT_MARKETABLE = "not_marketable"  # code of an order that was to be filled at once or not at all
IOC_SECONDS = 10
LONGEST_ASIDE = 60  # seconds
DAY_LIMIT = "day_limit"  # the code of an order that meets the limits of its day: it waits for longer
DAY_LIMIT_ASIDE = 900.0

_MOVED = "SELECT id AS order_id, seq, status, attempt, updated_at AS at, details, owner, type FROM told"

# The newest price must not be ahead of the clock: the clock was set back, and what it says now may have been before.
NOT_AHEAD = "(SELECT at FROM prices WHERE feed = $1 ORDER BY slot DESC LIMIT 1) <= clock_timestamp()"
IS_FRESH = "{at} BETWEEN clock_timestamp() - $3 * interval '1 second' AND clock_timestamp()"
# An order that was placed, amended or armed again after a price was recorded does not fire on it. If that lies ahead of
# the clock, the clock was set back.
ARMED_BEFORE = "NOT o.updated_at BETWEEN {at} AND clock_timestamp()"
IN_TIME = "(o.expires_at IS NULL OR o.expires_at > now())"


def of_chain(chain: str) -> str:
    """The prices of one chain fire no order that was placed for another one. `chain`: an SQL expression.

    A CASE, so that the planner does not think that few orders are of it.
    """
    return f"CASE WHEN o.chain IS NOT DISTINCT FROM {chain}::text THEN true END"


def starts_in(ahead: str, per_minute: str) -> str:
    """In how many ms each of the fired orders can start; NULL: not known. See `Backlog` in `triggers.py`."""
    minutes = f"ceil(({ahead}::int + row_number() OVER ())::float8 / {per_minute})"
    later = f"CASE {per_minute}::int WHEN 0 THEN 0 ELSE greatest(0, {minutes} * 60000)::bigint END"
    return f"CASE WHEN {ahead}::int IS NOT NULL THEN {later} END"


def _details(*, price: str, source: str, starts_in: str) -> str:
    """The event's JSON, glued together: `json_build_object` takes four times as long. `price`: text or a number."""
    return f"""('{{"trigger":{{"slot":' || $2::bigint || ',"price":"' || {price} || '","level":"' || trim_scale(level)
               || '","source":' || to_json({source}) || '}}' || coalesce(',"startsInMs":' || {starts_in}, '')
               || '}}')::json"""


def fires(details: str, *, also: str = "") -> str:
    """The end of a statement that fires: `met` has the locked triggers by `row`, of orders whose time has not run out.
    `details` is JSON made of its columns. `also`: what else is set of the order, from the columns of `gone`, which are
    those of `met`.

    Of a group one leg fires, which holds the group from then on: the others are disarmed in the same commit. A group
    of which somebody else has locked the row or a leg is left alone, so nobody waits for it. `SETTLE` in `groups.py`
    ends that state. A trigger that was changed after this statement began is locked in its new version, which `gone`
    does not find: that leg fires with the next look, so its group must stay as it is.
    """
    return f"""taken AS MATERIALIZED (
    SELECT id FROM order_groups
     WHERE id = ANY(ARRAY(SELECT group_id FROM met WHERE group_id IS NOT NULL)) AND holder IS NULL
     ORDER BY id FOR UPDATE SKIP LOCKED
), legs AS MATERIALIZED (
    SELECT order_id FROM triggers WHERE group_id = ANY(ARRAY(SELECT id FROM taken)) FOR UPDATE SKIP LOCKED
), groups AS MATERIALIZED (
    SELECT id FROM taken
     WHERE id NOT IN (SELECT group_id FROM triggers WHERE group_id = ANY(ARRAY(SELECT id FROM taken))
                                                      AND order_id NOT IN (SELECT order_id FROM legs))
), chosen AS MATERIALIZED (
    SELECT DISTINCT ON (coalesce(group_id, order_id)) * FROM met
     WHERE group_id IS NULL OR group_id IN (SELECT id FROM groups) ORDER BY coalesce(group_id, order_id), rank
), gone AS (
    DELETE FROM triggers t USING chosen WHERE t.ctid = chosen.row RETURNING chosen.*
), held AS (
    UPDATE order_groups g SET holder = gone.order_id
      FROM gone WHERE g.id = gone.group_id AND g.id = ANY(ARRAY(SELECT group_id FROM gone))
), disarmed AS (
    UPDATE triggers t SET armed = false
      FROM gone WHERE t.group_id = gone.group_id AND t.group_id = ANY(ARRAY(SELECT group_id FROM gone))
                  AND t.order_id <> gone.order_id
), moved AS (
    UPDATE orders o
       SET status = '{Status.PENDING}', seq = o.seq + 1, error = NULL, code = NULL, ready_at = now(),
           look_at = least(now() + {SWEEP_AFTER}, o.expires_at), updated_at = now(){also and f", {also}"}
      FROM gone
     WHERE o.id = gone.order_id AND o.id = ANY(ARRAY(SELECT order_id FROM gone))
       AND CASE o.status WHEN '{Status.OPEN}' THEN true END
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at, gone.*
), told AS (
    SELECT *, {details} AS details FROM moved
), {logged("told", details="details")}
{_MOVED}"""


# $1 feed, $2 slot, $3 the greatest age in seconds, $4 persist, $5 how many venues must have had a price,
# $6 at most so many
def _met(op: str, order: str, bound: str, meets: str, *, columns: str, chain: str, only: str = "") -> str:
    return f"""
WITH price AS MATERIALIZED (
    SELECT {bound} AS price, max(at) AS at
      FROM prices WHERE feed = $1 AND slot > $2::bigint - $4::int AND slot <= $2::bigint
    HAVING count(*) = $4 AND min(venues) >= $5 AND {IS_FRESH.format(at="max(at)")} AND {NOT_AHEAD}
), met AS MATERIALIZED (
    SELECT {columns} FROM triggers t JOIN orders o ON o.id = t.order_id
     WHERE t.armed AND t.op = '{op}' AND t.feed = $1 AND t.persist = $4 AND t.level {meets} (SELECT price FROM price)
       AND (t.look_at IS NULL OR t.look_at <= now()) AND {may_fire("t.owner", "t.order_type")} AND {IN_TIME}
       AND {of_chain(chain)} AND {ARMED_BEFORE.format(at="(SELECT at FROM price)")}{only}
     ORDER BY t.level {order} LIMIT $6"""


# $7 and $8 for `starts_in`, $9 the chain
def _fire(*side: str, only: str = "") -> str:
    columns = "t.ctid AS row, t.order_id, t.level, t.group_id, t.rank"
    return f"""{_met(*side, columns=columns, chain="$9", only=only)} FOR UPDATE OF t, o SKIP LOCKED
), {
        fires(
            _details(
                price="trim_scale((SELECT price FROM price))", source="'venues'::text", starts_in=starts_in("$7", "$8")
            )
        )
    }"""


_SIDES = {"ge": ("ASC", "min(low)", "<="), "le": ("DESC", "max(high)", ">=")}
FIRE = {op: _fire(op, *side) for op, side in _SIDES.items()}
# For a batch that failed because of one of its orders. $10: of these only
FIRE_THESE = {op: _fire(op, *side, only=" AND t.order_id = ANY($10::uuid[])") for op, side in _SIDES.items()}
# $7 the chain
MET = {
    op: f"{_met(op, *side, columns='t.order_id', chain='$7')}) SELECT order_id FROM met" for op, side in _SIDES.items()
}
LEAVE_OUT = f"""
UPDATE triggers SET look_at = now() + interval '{LONGEST_ASIDE} seconds'
 WHERE order_id IN (SELECT order_id FROM triggers WHERE order_id = ANY($1::uuid[]) FOR UPDATE SKIP LOCKED)
"""

_AT = "(SELECT at FROM prices WHERE feed = $1 AND slot = $2::bigint)"

# Limits whose level the best mid has met, the most favourable first. An order that was put aside is looked at again
# before its time if the price has moved past its level. $5 owners, $6 orders that are left out, $7 the chain
CANDIDATES = f"""
SELECT t.order_id, t.owner, t.level, t.base_level, o.amount_in, o.limit_out, o.token_in, o.token_out, o.venues,
       o.max_price_impact_bps, o.time_in_force, extract(epoch FROM now() - o.updated_at)::float8 AS armed_for
  FROM triggers t JOIN orders o ON o.id = t.order_id
 WHERE t.armed AND t.op = 'ge' AND t.feed = $1 AND t.persist = 0
   AND t.level <= (SELECT best FROM prices WHERE feed = $1 AND slot = $2::bigint
                      AND {IS_FRESH.format(at="at")} AND {NOT_AHEAD})
   AND (t.look_at IS NULL OR t.look_at <= now() OR t.level <> t.base_level)
   AND CASE o.status WHEN '{Status.OPEN}' THEN {of_chain("$7")} END AND {IN_TIME}
   AND {may_fire("t.owner", "t.order_type")} AND {ARMED_BEFORE.format(at=_AT)} AND t.owner <> ALL($5::text[])
   AND t.order_id <> ALL($6::uuid[])
 ORDER BY t.level LIMIT $4
"""

# $1 feed, $2 slot, $3 the greatest age in seconds, $4 orders, $5 and $6 their levels when they were quoted,
# $7 prices and $8 venues of the quotes, $9 and $10 for `starts_in`, $11 the chain.
# A quote takes time. It counts while its slot is the newest or the one before; later only if the mid still meets it.
FIRE_QUOTED = f"""
WITH newest AS MATERIALIZED (
    SELECT slot, best FROM prices WHERE feed = $1 ORDER BY slot DESC LIMIT 1
), quoted AS (
    SELECT * FROM unnest($4::uuid[], $5::numeric[], $6::numeric[], $7::text[], $8::text[])
                  AS q(order_id, level, base_level, price, venue)
     WHERE EXISTS (SELECT FROM prices WHERE feed = $1 AND slot = $2::bigint AND {IS_FRESH.format(at="at")})
       AND {NOT_AHEAD}
), met AS MATERIALIZED (
    SELECT t.ctid AS row, t.order_id, t.base_level AS level, t.group_id, t.rank, q.price, q.venue
      FROM quoted q JOIN triggers t USING (order_id) JOIN orders o ON o.id = t.order_id, newest n
     WHERE t.armed AND (t.level, t.base_level) = (q.level, q.base_level)
       AND (n.slot <= $2::bigint + 1 OR n.best >= t.level) AND {may_fire("t.owner", "t.order_type")} AND {IN_TIME}
       AND {of_chain("$11")} AND {ARMED_BEFORE.format(at=_AT)}
     ORDER BY t.order_id FOR UPDATE OF t, o SKIP LOCKED
), {fires(_details(price="price", source="venue", starts_in=starts_in("$9", "$10")))}"""

# $1 to $3 as above, $4 orders, $5 their levels when they were quoted, $6 the levels at which a quote may say yes,
# $7 for how many seconds
PUT_ASIDE = f"""
WITH refused AS (
    SELECT t.order_id, r.needs, r.seconds
      FROM unnest($4::uuid[], $5::numeric[], $6::numeric[], $7::float8[]) AS r(order_id, level, needs, seconds)
      JOIN triggers t USING (order_id)
     WHERE t.armed AND t.level = r.level
       AND EXISTS (SELECT FROM prices WHERE feed = $1 AND slot = $2::bigint AND {IS_FRESH.format(at="at")})
     ORDER BY t.order_id FOR UPDATE OF t SKIP LOCKED
)
UPDATE triggers t SET level = greatest(t.base_level, r.needs), look_at = now() + r.seconds * interval '1 second'
  FROM refused r WHERE t.order_id = r.order_id RETURNING t.order_id
"""

# What lies further ahead than that is of a clock that was set back.
LOOK_AGAIN = f"""
UPDATE triggers SET level = base_level, look_at = NULL
 WHERE order_id = ANY(ARRAY(
    SELECT order_id FROM triggers t
     WHERE (look_at <= now() OR look_at > now() + interval '{LONGEST_ASIDE + 5} seconds')
       AND NOT (look_at BETWEEN now() AND now() + interval '{DAY_LIMIT_ASIDE + 5} seconds'
                AND (SELECT o.code IS NOT DISTINCT FROM '{DAY_LIMIT}' FROM orders o WHERE o.id = t.order_id))
     ORDER BY look_at LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING order_id
"""


# $1 orders, $2 why: a code, $3 in words. Nobody has to be asked whether they still may be ended.
END = f"""
WITH due AS MATERIALIZED (
    SELECT o.id, w.code, w.error FROM unnest($1::uuid[], $2::text[], $3::text[]) AS w(id, code, error)
      JOIN orders o USING (id)
     WHERE o.id = ANY($1) AND (o.expires_at <= now() OR o.time_in_force = 'ioc')
       AND CASE o.status WHEN '{Status.OPEN}' THEN true END
       AND NOT {IS_RECONCILING}
     ORDER BY o.id FOR UPDATE OF o SKIP LOCKED
), held AS MATERIALIZED (
    SELECT order_id FROM triggers WHERE order_id = ANY(ARRAY(SELECT id FROM due)) FOR UPDATE SKIP LOCKED
), free AS MATERIALIZED (
    SELECT * FROM due WHERE id IN (SELECT order_id FROM held)
                         OR id NOT IN (SELECT order_id FROM triggers WHERE order_id = ANY($1))
), gone AS (
    DELETE FROM triggers WHERE order_id = ANY(ARRAY(SELECT order_id FROM held))
), told AS (
    UPDATE orders o
       SET status = '{Status.EXPIRED}', seq = o.seq + 1, error = free.error, code = free.code, updated_at = now()
      FROM free WHERE o.id = free.id AND o.id = ANY($1) AND CASE o.status WHEN '{Status.OPEN}' THEN true END
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at,
              json_build_object('error', free.error, 'code', free.code) AS details
), {logged("told", details="details")}
{_MOVED}"""

_TOO_LATE = "the order's time ran out before its condition was met"
NOT_NOW = "no venue could fill the order at its limit at once"
# $1 at most so many, $2 not these
EXPIRED_NOW = f"""
SELECT id, CASE time_in_force WHEN 'ioc' THEN '{NOT_MARKETABLE}' ELSE '{EXPIRED}' END AS code,
       CASE time_in_force WHEN 'ioc' THEN '{NOT_NOW}' ELSE '{_TOO_LATE.replace("'", "''")}' END AS error
  FROM orders
 WHERE status = '{Status.OPEN}' AND expires_at IS NOT NULL AND expires_at <= now() AND id <> ALL($2::uuid[])
 ORDER BY expires_at LIMIT $1
"""
# Orders that are filled at once or not at all, and whose limit is beyond even the best mid. $3: the greatest age
BEYOND_MID = f"""
SELECT o.id, '{NOT_MARKETABLE}' AS code, '{NOT_NOW}' AS error FROM orders o JOIN triggers t ON t.order_id = o.id
 CROSS JOIN LATERAL (SELECT best, at FROM prices p WHERE p.feed = t.feed ORDER BY slot DESC LIMIT 1) p
 WHERE o.status = '{Status.OPEN}' AND o.expires_at IS NOT NULL
   AND o.expires_at <= now() + interval '{IOC_SECONDS} seconds' AND o.time_in_force = 'ioc'
   AND t.persist = 0 AND t.level > p.best AND p.at >= o.created_at AND o.id <> ALL($2::uuid[])
   AND p.at BETWEEN clock_timestamp() - $3 * interval '1 second' AND clock_timestamp()
 LIMIT $1
"""
