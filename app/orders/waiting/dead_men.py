"""The dead man's switch: an owner who does not renew it in time has all orders cancelled.

Those whose swap was sent are cancelled once that is proven dead, so none of them trades later. The clock of Postgres
decides. If a watcher sees it set back, the time that was given begins anew: its owner may be about to renew it. If it
sees it jump forward, what is left of that time stays as it was: it may jump often, and must still run out.

One statement cancels up to PAGE orders, logs their events and writes an entry of the audit log, and switches it off if
these were all: a renewal comes before it, or too late. Nobody is waited for: an order that somebody has locked is left
for the next look, and so is an owner whose row another watcher has locked.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from weakref import WeakValueDictionary

import asyncpg

from app.orders.kill_switch.states import IS_RECONCILING
from app.orders.lifecycle import DEAD_MAN
from app.orders.store.open_orders import TO_CANCEL, cancels
from app.orders.store.reads import event_from
from app.orders.waiting.isolation import LeftOut
from app.orders.waiting.triggers import Moved
from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import SOON, fetch, fetch_soon

OWNERS = 10  # in one look
LOCKED_SECONDS = 1.0  # until an owner whose orders were all locked is asked again, while others are due
# Orders in one statement, which must end within the time-out of Postgres. What it returns has to fit into the buffers
# of a connection, or it would keep its locks for as long as the watcher is frozen.
PAGE = 1_000
FIRED = "dead_man.fired"  # in the audit log
JUMP = timedelta(seconds=1)  # of the clock, forward; a shorter one is not noticed
CLOCK_RATES = 1.001  # how much faster than ours the clock of Postgres may go

log = logging.getLogger("engine.watcher")

_STATE = "seconds, cancels_at, fired_at, cancelled"
# It may wait for the row, so the clock is read when it writes.
SET = f"""
INSERT INTO dead_men AS d (owner, seconds, cancels_at)
SELECT $1, $2, CASE WHEN $2::int > 0 THEN clock_timestamp() + $2::int * interval '1 second' END WHERE {SOON}
ON CONFLICT (owner) DO UPDATE
   SET seconds = excluded.seconds,
       cancels_at = CASE WHEN excluded.seconds > 0 THEN clock_timestamp() + excluded.seconds * interval '1 second' END
RETURNING {_STATE}
"""
STATE = f"SELECT {_STATE} FROM dead_men WHERE owner = $1"

# The first CTE is for a clock that was set back: the time that was given begins anew. $1: owners who are left out.
DUE = f"""
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS now
), mended AS (
    UPDATE dead_men SET cancels_at = clock_timestamp() + seconds * interval '1 second'
     WHERE owner IN (SELECT owner FROM dead_men
                      WHERE cancels_at > clock_timestamp() + (seconds + 1) * interval '1 second' FOR UPDATE SKIP LOCKED)
)
SELECT now, ARRAY(SELECT owner FROM dead_men WHERE cancels_at <= now AND owner <> ALL($1::text[])
                   ORDER BY cancels_at LIMIT {OWNERS}) AS owners
  FROM clock
"""
# For a clock that jumped forward. $1: what it would show without that. Who was due by then stays due, and what was set
# since stays as it is. Two watchers may give the time of a jump twice, but never more than `seconds`.
KEEP_LEFT = """
UPDATE dead_men SET cancels_at = clock_timestamp() + (cancels_at - $1)
 WHERE owner IN (SELECT owner FROM dead_men
                  WHERE cancels_at > $1 AND cancels_at - seconds * interval '1 second' <= $1 FOR UPDATE SKIP LOCKED)
RETURNING owner
"""
# $1 at most so many orders, $2 of this owner. While an order is left, because somebody has locked it, it stays on.
FIRE = f"""
WITH due AS MATERIALIZED (
    SELECT owner, seconds FROM dead_men WHERE owner = $2 AND cancels_at <= clock_timestamp()
       AND NOT {IS_RECONCILING} FOR UPDATE SKIP LOCKED
), {cancels(f"{TO_CANCEL} AND owner = (SELECT owner FROM due) LIMIT $1", code=f"'{DEAD_MAN}'")}, page AS MATERIALIZED (
    SELECT count(*) < $1 AND count(*) = (SELECT count(*) FROM held) AS is_last, (SELECT count(*) FROM held) AS held,
           (SELECT count(*) FROM cancelled) AS cancelled, (SELECT count(*) FROM requested) AS requested
      FROM wanted
), result AS MATERIALIZED (
    SELECT * FROM due, page WHERE is_last OR held > 0
), fired AS (
    UPDATE dead_men d
       SET seconds = CASE WHEN is_last THEN 0 ELSE d.seconds END,
           cancels_at = CASE WHEN is_last THEN NULL ELSE d.cancels_at END, fired_at = clock_timestamp(),
           cancelled = result.cancelled + CASE WHEN d.fired_at >= d.cancels_at THEN d.cancelled ELSE 0 END
      FROM result WHERE d.owner = result.owner
), audited AS (
    INSERT INTO audit_log (action, outcome, owner, details, left_out)
    SELECT '{FIRED}', 'done', owner,
           json_build_object('seconds', seconds, 'cancelled', cancelled, 'requested', requested), 0 FROM result
)
SELECT result.owner, result.seconds, c.id AS order_id, c.type, c.seq, c.status, c.attempt, c.updated_at AS at, c.details
  FROM result LEFT JOIN cancelled c ON true
"""


@dataclass(frozen=True, slots=True)
class DeadMan:
    """The switch of one owner."""

    seconds: int = 0  # 0: it is off
    cancels_at: datetime | None = None  # unless it is renewed; None: it is off
    fired_at: datetime | None = None  # when it last cancelled; None: never
    cancelled: int | None = None  # how many orders, then


@dataclass(frozen=True, slots=True)
class Fired:
    owner: str
    seconds: int
    orders: Sequence[Moved]


class _Overtaken(Exception):
    """A later request of this owner was carried out."""


class _Requests:
    """Those of one owner that are under way, numbered as they arrived."""

    def __init__(self) -> None:
        self.one_at_once = asyncio.Lock()
        self.arrived = itertools.count(1)
        self.last = 0  # the latest that was carried out


class _InOrder:
    """Around each try of one request. Raises _Overtaken once a later request was carried out."""

    def __init__(self, requests: _Requests, before_each_try: Callable[[], object]) -> None:
        self._requests = requests
        self._before_each_try = before_each_try
        self._number = next(requests.arrived)

    async def __aenter__(self) -> None:
        await self._requests.one_at_once.acquire()
        try:
            if self._number < self._requests.last:
                raise _Overtaken
            self._before_each_try()
        except BaseException:
            self._requests.one_at_once.release()
            raise

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._requests.last = self._number
        self._requests.one_at_once.release()


class _Clock:
    """Notices that the clock of Postgres has jumped forward, while this process was running."""

    def __init__(self) -> None:
        self._last: tuple[datetime, float] | None = None  # what it showed, and when it was asked

    def jumped(self, now: datetime) -> datetime | None:
        """What it would show at most if it had not jumped; None: it has not."""
        if self._last is None:
            return None
        shown, asked = self._last
        expected = shown + timedelta(seconds=(time.monotonic() - asked) * CLOCK_RATES)
        return expected if now - expected > JUMP else None

    def shows(self, now: datetime, *, asked: float) -> None:
        """To be called once what a jump asks for is done: else it is forgotten."""
        self._last = now, asked


class DeadMen:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._clock = _Clock()
        self._left_out = LeftOut[str]()
        self._requests: WeakValueDictionary[str, _Requests] = WeakValueDictionary()  # by owner, while any is under way
        self._locked: dict[str, float] = {}  # owners of whom nothing could be cancelled, and when that was
        self._failed: dict[str, DatabaseUnavailable] = {}  # owners for whom it took too long: the others come first

    async def set(self, owner: str, seconds: int, *, before_each_try: Callable[[], object]) -> DeadMan:
        """Begin, renew or, with 0, end it. `before_each_try` raises if the client has left: it may have set it since.

        A request that waits for a locked row writes nothing once a later one has: its client may have given it up.
        """
        requests = self._requests.setdefault(owner, _Requests())
        try:
            (row,) = await fetch_soon(self._pool, SET, owner, seconds, turn=_InOrder(requests, before_each_try))
        except _Overtaken:
            return await self.state(owner)
        return DeadMan(*row)

    async def state(self, owner: str) -> DeadMan:
        rows = await fetch(self._pool, STATE, owner)
        return DeadMan(*rows[0]) if rows else DeadMan()

    async def fire(self, limit: int = PAGE) -> Fired | None:
        """Cancel up to so many orders of one owner who did not renew; None: nobody is due, or all are locked.

        After None, or the error of an owner, it begins anew with the one who has been due for longest.
        """
        again = time.monotonic() - LOCKED_SECONDS  # only here, so one call asks each owner once
        self._locked = {owner: at for owner, at in self._locked.items() if at > again}
        while owners := await self._due():
            for owner in owners:
                try:
                    fired = await self._left_out.change([owner], partial(self._fire, limit), key=str)
                except DatabaseUnavailable as error:  # perhaps because of this owner's orders
                    self._failed[owner] = error
                    continue
                if fired:
                    return fired[0]  # who may have more
                self._locked[owner] = time.monotonic()
        failed = list(self._failed.values())
        self._locked.clear()
        self._failed.clear()
        if failed:
            raise failed[0]
        return None

    async def _due(self) -> Sequence[str]:
        while True:
            asked = time.monotonic()
            [row] = await fetch(self._pool, DUE, [*self._left_out.ids(), *self._locked, *self._failed])
            expected = self._clock.jumped(row["now"])
            kept = await fetch(self._pool, KEEP_LEFT, expected) if expected else []
            self._clock.shows(row["now"], asked=asked)
            if not expected:
                return list(row["owners"])
            log.warning(
                "the clock of Postgres has jumped forward: dead man's switches keep the time that was left",
                extra={"owners": len(kept)},
            )

    async def _fire(self, limit: int, owners: Sequence[str]) -> list[Fired]:
        rows = await fetch(self._pool, FIRE, limit, owners[0])
        orders = [Moved(row["owner"], row["type"], event_from(row)) for row in rows if row["order_id"]]
        return [Fired(rows[0]["owner"], rows[0]["seconds"], orders)] if rows else []
