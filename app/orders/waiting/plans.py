"""Orders that are executed in slices (DCA): each slice is an order of its own, and happens once.

- One statement inserts a slice with its event and moves the plan on, so it happens whole or not at all. The id of a
  slice is derived from its parent and its number.
- A parent has no fill of its own. It ends once its last slice has ended.
- Locks are taken in the order plan, order. A plan that another watcher has locked is skipped.
- Conditions on status that an index could answer are written as CASE: see `app/orders/store/statements.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

import asyncpg

from app.orders.conditions import MOST_UNITS
from app.orders.kill_switch.states import IS_RECONCILING, may_fire
from app.orders.lifecycle import NO_SLICE_FILLED, PARENT_ENDED, TERMINAL, UNFINISHED, Status, sql_list
from app.orders.store.open_orders import cancels
from app.orders.store.reads import event_from
from app.orders.store.statements import SWEEP_AFTER, logged, slice_id
from app.orders.waiting.isolation import LeftOut
from app.orders.waiting.statements import of_chain
from app.orders.waiting.triggers import BATCH, Moved
from app.postgres.running import fetch

CATCH_UP_SECONDS = 10
_MOVED = "SELECT id AS order_id, seq, status, attempt, updated_at AS at, details, owner, type"


def _slices(statuses: Iterable[Status]) -> str:
    """The query for those of the plan `p`. OFFSET 0 forbids a join, which could read the slices of all plans."""
    which = f"CASE WHEN c.status IN ({sql_list(statuses)}) THEN true END"
    return f"SELECT FROM orders c WHERE c.parent_id = p.order_id AND {which} OFFSET 0"


# $2 owners who have their share of the queue, $3 plans that are left out, $4 the chain. The slice before has to have
# been started, or slices would pile up while nothing starts.
DUE = f"""
SELECT p.order_id, p.owner, p.next_slice, o.token_in, o.token_out, p.band_min, p.band_max, clock_timestamp() AS now
  FROM plans p CROSS JOIN LATERAL (SELECT * FROM orders WHERE id = p.order_id OFFSET 0) o
 WHERE p.next_at <= now() AND p.next_slice <= p.slices AND CASE o.status WHEN '{Status.OPEN}' THEN {of_chain("$4")} END
   AND (o.expires_at IS NULL OR o.expires_at > now()) AND {may_fire("p.owner", "o.type")}
   AND p.owner <> ALL($2::text[]) AND p.order_id <> ALL($3::uuid[])
   AND NOT EXISTS ({_slices({Status.PENDING, Status.ROUTING})})
 ORDER BY p.next_at LIMIT $1
"""

# $1 orders, $2 the numbers of the slices, $3 whether the price is outside of the band: then the slice is skipped,
# $4 base units of the token out for one of the token in, at a price of 1, $5 of when that price is and $6 its greatest
# age in seconds: the watcher may have been frozen since. $7 the chain.
# After a time in which no watcher ran, one slice is made, and `on_miss` says when the next one is.
SLICE = f"""
WITH wanted AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bool[], $4::numeric[]) AS w(order_id, number, skip, scale)
     WHERE $5::timestamptz BETWEEN clock_timestamp() - $6 * interval '1 second' AND clock_timestamp()
), due AS MATERIALIZED (
    SELECT p.*, w.skip, w.scale, floor(extract(epoch FROM now() - p.next_at) / p.every_seconds)::int AS missed
      FROM plans p JOIN wanted w ON w.order_id = p.order_id AND w.number = p.next_slice
     WHERE p.next_at <= now() AND p.next_slice <= p.slices ORDER BY p.order_id FOR UPDATE OF p SKIP LOCKED
), parents AS MATERIALIZED (
    SELECT o.*, due.slices, due.next_slice, due.skip, due.missed, due.every_seconds, due.on_miss, due.band_min,
           due.scale,
           CASE due.on_miss WHEN 'skip' THEN least(due.missed, due.slices - due.next_slice) ELSE 0 END AS jumped
      FROM due JOIN orders o ON o.id = due.order_id
     WHERE o.status = '{Status.OPEN}' AND (o.expires_at IS NULL OR o.expires_at > now())
       AND {may_fire("o.owner", "o.type")} AND {of_chain("$7")}
     ORDER BY o.id FOR SHARE OF o SKIP LOCKED
), moved_on AS (
    UPDATE plans p
       SET next_slice = p.next_slice + 1 + parents.jumped,
           skipped = p.skipped + parents.jumped + parents.skip::int,
           next_at = CASE WHEN parents.missed = 0 OR p.on_miss = 'skip'
                          THEN p.next_at + (1 + parents.jumped) * p.every_seconds * interval '1 second'
                          WHEN p.on_miss = 'catch_up'
                          THEN greatest(p.next_at + p.every_seconds * interval '1 second',
                                        least(now() + interval '{CATCH_UP_SECONDS} seconds',
                                              now() + p.every_seconds * interval '1 second'))
                          ELSE now() + p.every_seconds * interval '1 second' END
      FROM parents WHERE p.order_id = parents.id
), sliced AS (
    SELECT *, CASE next_slice WHEN slices THEN amount_in - div(amount_in, slices) * (slices - 1)
                              ELSE div(amount_in, slices) END AS part
      FROM parents WHERE NOT skip
), placed AS (
    INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, max_price_impact_bps, venues,
                        expires_at, client_order_id, max_order_usd, fingerprint, request_id, tag, chain, min_amount_out,
                        parent_id, slice, status, seq, ready_at, look_at, created_at, updated_at)
    SELECT {slice_id("id", "next_slice")}, owner, type, token_in, token_out, part, slippage_bps,
           max_price_impact_bps, venues, expires_at, client_order_id, max_order_usd, fingerprint, request_id, tag,
           chain, CASE WHEN band_min IS NOT NULL THEN least(ceil(part * band_min * scale), {MOST_UNITS}) END, id,
           next_slice, '{Status.PENDING}', 1, now(), now() + {SWEEP_AFTER}, now(), now()
      FROM sliced ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING id, owner, type, seq, status, attempt, updated_at, parent_id, slice
), told AS (
    SELECT *, json_build_object('parentId', parent_id, 'slice', slice) AS details FROM placed
), {logged("told", details="details")}
{_MOVED} FROM told
"""

# The last slice of a plan has ended. A parent with no filled slice has failed. In `DONE` $2: plans that are left out
_HAS_ENDED = f"""p.next_slice > p.slices AND NOT EXISTS ({_slices(UNFINISHED)})"""
DONE = f"""
SELECT p.order_id FROM plans p WHERE {_HAS_ENDED} AND p.order_id <> ALL($2::uuid[]) ORDER BY p.order_id LIMIT $1
"""
FINISH = f"""
WITH done AS MATERIALIZED (
    SELECT p.order_id FROM plans p JOIN orders o ON o.id = p.order_id
     WHERE p.order_id = ANY($1::uuid[]) AND {_HAS_ENDED} ORDER BY p.order_id FOR UPDATE OF p, o SKIP LOCKED
), gone AS (
    DELETE FROM plans WHERE order_id IN (SELECT order_id FROM done)
), told AS (
    UPDATE orders o
       SET status = CASE WHEN filled.any THEN '{Status.COMPLETED}' ELSE '{Status.FAILED}' END, seq = o.seq + 1,
           code = CASE WHEN filled.any THEN NULL ELSE '{NO_SLICE_FILLED}' END,
           error = CASE WHEN filled.any THEN NULL ELSE 'none of its slices was filled' END, updated_at = now()
      FROM done, LATERAL (SELECT EXISTS (SELECT FROM orders c WHERE c.parent_id = done.order_id
                                            AND c.status = '{Status.CONFIRMED}') AS any) filled
     WHERE o.id = done.order_id AND o.status = '{Status.OPEN}'
    RETURNING o.id, o.owner, o.type, o.seq, o.status, o.attempt, o.updated_at,
              json_strip_nulls(json_build_object('code', o.code, 'error', o.error)) AS details
), {logged("told", details="details")}
{_MOVED} FROM told
"""
# The parent was cancelled, or its time ran out: a slice that has not started goes with it, and one whose swap was sent
# trades no more once that is proven dead. The plan stays until no slice can start again. Not while the engine
# reconciles: a slice that seems to wait may be filled.
ORPHANED = f"""
SELECT p.order_id FROM plans p
 WHERE (SELECT o.status IN ({sql_list(TERMINAL)}) FROM orders o WHERE o.id = p.order_id)
   AND p.order_id <> ALL($2::uuid[])
 ORDER BY p.order_id LIMIT $1
"""
_SLICES = f"""SELECT id, xmin AS version FROM orders
     WHERE parent_id IN (SELECT order_id FROM ended)
       AND CASE status WHEN '{Status.PENDING}' THEN true WHEN '{Status.SUBMITTED}' THEN NOT cancel_requested END"""
ABANDON = f"""
WITH ended AS MATERIALIZED (
    SELECT order_id FROM plans WHERE order_id = ANY($1::uuid[]) AND NOT {IS_RECONCILING}
     ORDER BY order_id FOR UPDATE SKIP LOCKED
), {cancels(_SLICES, code=f"'{PARENT_ENDED}'")}, done AS (
    DELETE FROM plans p USING ended
     WHERE p.order_id = ended.order_id
       AND NOT EXISTS (SELECT FROM orders
                        WHERE parent_id = p.order_id AND CASE WHEN status IN ({sql_list(UNFINISHED)}) THEN true END
                          AND NOT cancel_requested AND id NOT IN (SELECT id FROM held))
)
{_MOVED} FROM cancelled
"""
# The clock was set back: no plan waits for longer than its interval, except for the beginning that its owner chose.
_LONGEST = "CASE p.next_slice WHEN 1 THEN 0 ELSE p.every_seconds END"
MEND = f"""
UPDATE plans p SET next_at = now() + {_LONGEST} * interval '1 second'
 WHERE order_id = ANY(ARRAY(
    SELECT p.order_id FROM plans p JOIN orders o ON o.id = p.order_id
     WHERE p.next_at > now() + (1 + {_LONGEST}) * interval '1 second'
       AND (p.next_slice > 1 OR o.condition #>> '{{schedule,startAt}}' IS NULL)
       FOR UPDATE OF p SKIP LOCKED))
"""


@dataclass(frozen=True, slots=True)
class DueSlice:
    order: UUID
    owner: str
    number: int
    token_in: str
    token_out: str
    band: tuple[Decimal | None, Decimal | None]  # the prices within which it is made
    now: datetime  # on the clock of Postgres


@dataclass(frozen=True, slots=True)
class Decision:
    due: DueSlice
    skip: bool
    scale: Decimal  # base units of the token out for one of the token in, at a price of 1


class PlanStore:
    def __init__(self, pool: asyncpg.Pool, *, max_age: float, chain: str | None = None) -> None:
        self._pool = pool
        self._chain = chain  # of the orders that it makes slices of: a genesis hash; None: the simulated one
        self._max_age = max_age  # seconds: an older price makes no slice
        self._left_out = LeftOut[UUID]()

    async def due(self, *, full: Iterable[str] = (), undecided: Iterable[UUID] = ()) -> list[DueSlice]:
        """`full`: owners who may have no more. `undecided`: plans that nothing can be decided about."""
        return [
            DueSlice(
                row["order_id"],
                row["owner"],
                row["next_slice"],
                row["token_in"],
                row["token_out"],
                (row["band_min"], row["band_max"]),
                row["now"],
            )
            for row in await fetch(self._pool, DUE, BATCH, list(full), [*self._left_out.ids(), *undecided], self._chain)
        ]

    async def make(self, decisions: Sequence[Decision]) -> list[Moved]:
        """The slices that were made; the plans of all go on."""

        async def make(these: Sequence[Decision]) -> list[Moved]:
            return await self._move(
                SLICE,
                [one.due.order for one in these],
                [one.due.number for one in these],
                [one.skip for one in these],
                [one.scale for one in these],
                min(one.due.now for one in these),
                self._max_age,
                self._chain,
            )

        return await self._left_out.change(decisions, make, key=lambda one: one.due.order)

    async def finish(self) -> list[Moved]:
        """The parents whose last slice has ended, and the slices of parents that have ended before."""
        moved = list[Moved]()
        for found, sql in ((DONE, FINISH), (ORPHANED, ABANDON)):
            rows = await fetch(self._pool, found, BATCH, self._left_out.ids())
            these = partial(self._move, sql)
            moved += await self._left_out.change([row["order_id"] for row in rows], these, key=lambda order: order)
        return moved

    async def mend(self) -> None:
        """After the clock was set back."""
        await fetch(self._pool, MEND)

    async def _move(self, sql: str, *arguments: object) -> list[Moved]:
        return [Moved(row["owner"], row["type"], event_from(row)) for row in await fetch(self._pool, sql, *arguments)]
