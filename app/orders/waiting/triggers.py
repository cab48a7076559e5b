"""Firing orders that wait: each leaves its wait once, with any number of watchers.

A statement that fires deletes the trigger, moves the order from `open` to `pending` and logs the event, or does none
of it. Killed before its commit, nothing has happened; after it the sweeper finds the order, as it finds every other.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TypeVar
from uuid import UUID

import asyncpg

from app.orders.model import OrderEvent
from app.orders.store.reads import event_from
from app.orders.waiting import statements
from app.orders.waiting.isolation import LeftOut
from app.orders.waiting.prices import Group
from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import fetch

Row = TypeVar("Row")

BATCH = 500  # orders that one statement fires or ends


@dataclass(frozen=True, slots=True)
class Moved:
    """An order that was fired, or has ended, with its event."""

    owner: str
    type: str
    event: OrderEvent


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an order that is queued now waits for."""

    ahead: int | None  # orders that start before it, less the starts that are left; None: not known
    per_minute: int  # starts; 0: no limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A limit that the best mid has met. The quote at its size decides."""

    order: UUID
    owner: str
    level: Decimal
    base_level: Decimal
    token_in: str
    token_out: str
    amount_in: int
    limit_out: int
    venues: tuple[str, ...] | None
    max_price_impact_bps: int | None
    time_in_force: str
    armed_for: float  # seconds since it was placed, amended or armed again


@dataclass(frozen=True, slots=True)
class Marketable:
    """A candidate whose quote at its size said yes."""

    candidate: Candidate
    price: str  # of the quote
    venue: str  # that gave it


@dataclass(frozen=True, slots=True)
class Refused:
    """A candidate whose quote said no: it is put aside until the best mid is at `needs`, or for so many seconds."""

    candidate: Candidate
    needs: Decimal
    seconds: float
    is_final: bool = True  # every venue has answered: an order for now or never ends


class TriggerStore:
    def __init__(self, pool: asyncpg.Pool, *, max_age: float, chain: str | None = None) -> None:
        self._pool = pool
        self._chain = chain  # whose prices these are: its genesis hash; None: the simulated one
        self._max_age = max_age  # seconds: an older price fires nothing
        self._left_out = LeftOut[UUID]()

    async def fire(self, group: Group, slot: int, *, min_venues: int, backlog: Backlog) -> list[Moved]:
        """Fire up to BATCH orders of a group that its recorded prices up to this slot have met."""
        arguments = (
            *(group.feed, slot, self._max_age, group.persist, min_venues, BATCH),
            *(backlog.ahead, backlog.per_minute, self._chain),
        )
        sql = statements.FIRE[group.op], statements.FIRE_THESE[group.op]
        suspects = statements.MET[group.op], *arguments[:6], self._chain
        return await fire_batch(self._pool, self._left_out, *sql, arguments, suspects)

    async def candidates(
        self, feed: str, slot: int, limit: int, *, excluded_owners: Sequence[str] = ()
    ) -> list[Candidate]:
        """`excluded_owners`: owners whose orders are left out."""
        left_out = excluded_owners, self._left_out.ids()
        rows = await fetch(self._pool, statements.CANDIDATES, feed, slot, self._max_age, limit, *left_out, self._chain)
        return [
            Candidate(
                order=row["order_id"],
                owner=row["owner"],
                level=row["level"],
                base_level=row["base_level"],
                token_in=row["token_in"],
                token_out=row["token_out"],
                amount_in=int(row["amount_in"]),
                limit_out=int(row["limit_out"]),
                venues=None if row["venues"] is None else tuple(row["venues"]),
                max_price_impact_bps=row["max_price_impact_bps"],
                time_in_force=row["time_in_force"],
                armed_for=row["armed_for"],
            )
            for row in rows
        ]

    async def fire_quoted(self, feed: str, slot: int, quoted: Sequence[Marketable], *, backlog: Backlog) -> list[Moved]:
        async def fire(these: Sequence[Marketable]) -> list[Moved]:
            return await self._move(
                statements.FIRE_QUOTED,
                feed,
                slot,
                self._max_age,
                [one.candidate.order for one in these],
                [one.candidate.level for one in these],
                [one.candidate.base_level for one in these],
                [one.price for one in these],
                [one.venue for one in these],
                backlog.ahead,
                backlog.per_minute,
                self._chain,
            )

        return await fire_each(self._pool, self._left_out, quoted, fire, key=lambda one: one.candidate.order)

    async def put_aside(self, feed: str, slot: int, refused: Sequence[Refused]) -> int:
        """How many: not those that somebody has locked, and none if the quotes are too old by now."""

        async def put(these: Sequence[Refused]) -> list[asyncpg.Record]:
            return await fetch(
                self._pool,
                statements.PUT_ASIDE,
                feed,
                slot,
                self._max_age,
                [one.candidate.order for one in these],
                [one.candidate.level for one in these],
                [one.needs for one in these],
                [one.seconds for one in these],
            )

        return len(await self._left_out.change(refused, put, key=lambda one: one.candidate.order))

    async def look_again(self) -> int:
        """Limits whose time aside is over are compared with their own level again; how many."""
        return len(await fetch(self._pool, statements.LOOK_AGAIN, BATCH))

    async def expire(self) -> list[Moved]:
        return await self._end(statements.EXPIRED_NOW)

    async def refuse_at_mid(self) -> list[Moved]:
        """End the orders that had to be filled at once, and whose limit even the best mid does not meet."""
        return await self._end(statements.BEYOND_MID, self._max_age)

    async def refuse_quoted(self, orders: Sequence[UUID]) -> list[Moved]:
        """End the orders that had to be filled at once, and whose quote at their size said no."""
        return await self._end_all([(order, statements.NOT_MARKETABLE, statements.NOT_NOW) for order in orders])

    async def _end(self, found: str, *arguments: object) -> list[Moved]:
        rows = await fetch(self._pool, found, BATCH, self._left_out.ids(), *arguments)
        return await self._end_all([(row["id"], row["code"], row["error"]) for row in rows])

    async def _end_all(self, orders: Sequence[tuple[UUID, str, str]]) -> list[Moved]:
        """Orders with a code and a text each."""

        async def end(these: Sequence[tuple[UUID, str, str]]) -> list[Moved]:
            return await self._move(statements.END, *map(list, zip(*these, strict=True)))

        return await self._left_out.change(orders, end, key=lambda one: one[0])

    async def _move(self, sql: str, *arguments: object) -> list[Moved]:
        return await move(self._pool, sql, *arguments)


async def fire_batch(
    pool: asyncpg.Pool,
    left_out: LeftOut[UUID],
    sql: str,
    these: str,
    arguments: Sequence[object],
    suspects: tuple[str, *tuple[object, ...]],
) -> list[Moved]:
    """What `sql` fires; if it fails, what `these` fires of the orders that `suspects` finds, its last argument."""
    try:
        return await move(pool, sql, *arguments)
    except DatabaseUnavailable:
        raise
    except Exception:  # one order is the reason
        rows = await fetch(pool, *suspects)
    fire = partial(move, pool, these, *arguments)
    return await fire_each(pool, left_out, [row["order_id"] for row in rows], fire, key=lambda order: order)


async def fire_each(
    pool: asyncpg.Pool,
    left_out: LeftOut[UUID],
    rows: Sequence[Row],
    fire: Callable[[Sequence[Row]], Awaitable[list[Moved]]],
    *,
    key: Callable[[Row], UUID],
) -> list[Moved]:
    """Fire these. An order that fails is not looked at again for a while, by any watcher."""
    fired = await left_out.change(rows, fire, key=key)
    if failed := {key(row) for row in rows} & set(left_out.ids()):
        await fetch(pool, statements.LEAVE_OUT, list(failed))
    return fired


async def move(pool: asyncpg.Pool, sql: str, *arguments: object) -> list[Moved]:
    return [Moved(row["owner"], row["type"], event_from(row)) for row in await fetch(pool, sql, *arguments)]
