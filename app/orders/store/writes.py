"""Every write to an order. Each is one guarded statement that updates the row and logs the event.

A move says which fence, status and event number it starts from; if the row differs, nothing is written. So a write
whose answer was lost can be repeated: it happens once. Many callers share a statement (see `batching.py`); statements
lock rows in key order, so two never deadlock.
"""

import math
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.batching import Batcher
from app.orders.lifecycle import CANCELLABLE, CANCELLED_BY_OWNER, TERMINAL, UNDER_WAY, Status
from app.orders.model import (
    IllegalCancel,
    LeaseLost,
    NotReconciled,
    Order,
    OrderEvent,
    Placed,
    PlaceOrder,
    TradingHalted,
)
from app.orders.risk import RiskLimits
from app.orders.rows import trigger_row
from app.orders.steps import ClaimRefused, Move, Rearm, Renewal
from app.orders.store import statements
from app.orders.store.placing import MAX_OPEN, Forgotten, Placing
from app.orders.store.reads import order_from
from app.postgres.clock import DatabaseClock
from app.postgres.errors import BAD_ROW, RowLocked
from app.postgres.running import fetch, fetch_soon

MAX_MOVES = 100  # in one statement, which compares each with each
CONCURRENT_STATEMENTS = 2  # of a kind
NO_LIMITS = RiskLimits()
CANCELLED_DETAILS = {"code": CANCELLED_BY_OWNER}


class OrderStore:
    """All writers of orders in one process share one of these."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        lease_seconds: float = 5.0,
        limits: RiskLimits = NO_LIMITS,
        max_open: int = MAX_OPEN,
        forgotten: Forgotten | None = None,
        chain: str | None = None,  # of the orders that it claims: see `Order`
    ) -> None:
        self._pool, self._lease, self._limits, self._chain = pool, lease_seconds, limits, chain
        placing, limited = (Placing(pool, limits, max_open=max_open, forgotten=forgotten) for _ in range(2))
        self.placed_before = Batcher[PlaceOrder, Placed | None](placing.find, key=lambda order: order.id)
        # One statement at a time, so that orders are queued in the order in which they arrive. Those with a daily limit
        # may have to wait for another process: they hold up no others.
        self._place, self._place_limited = (
            Batcher[PlaceOrder, Placed](one.place, key=lambda order: order.id, bad_row=BAD_ROW)
            for one in (placing, limited)
        )
        self._clock = DatabaseClock()
        self._claims: Batcher[tuple[UUID, float], Order | ClaimRefused] = Batcher(
            self._claim, at_once=CONCURRENT_STATEMENTS, key=lambda claim: claim[0]
        )
        self.advance: Batcher[Move, OrderEvent | None] = Batcher(
            self._advance,
            max_batch=MAX_MOVES,
            at_once=CONCURRENT_STATEMENTS,
            key=lambda move: move.order,
            bad_row=BAD_ROW,
        )
        self.rearm: Batcher[Rearm, OrderEvent] = Batcher(
            self._rearm_all, max_batch=MAX_MOVES, key=lambda step: step.order, bad_row=BAD_ROW
        )

    async def place(self, order: PlaceOrder) -> Placed:
        limited = self._limits.in_force(order.max_order_usd, order.max_daily_usd).daily_usd
        return await (self._place_limited if limited else self._place)(order)

    async def claim(self, order_id: UUID, *, start_by: float) -> Order | ClaimRefused:
        """`start_by`: until when it may be started, on the monotonic clock; -inf: only if it is submitted."""
        return await self._claims((order_id, start_by))

    async def _claim(self, claims: list[tuple[UUID, float]]) -> Sequence[Order | ClaimRefused | Exception]:
        if not self._clock.is_known:
            self._clock.read((await fetch(self._pool, statements.CLOCK))[0]["clock"])
        deadlines = {order_id: self._clock.earliest(start_by) for order_id, start_by in claims}
        sent_at = self._clock.now()
        arguments = [*deadlines], self._lease, [*deadlines.values()], self._chain, sent_at
        rows = await fetch(self._pool, statements.CLAIM, *arguments)
        claimed: dict[UUID, Order | ClaimRefused] = {row["id"]: order_from(row) for row in rows}
        if rows:
            self._clock.read(rows[0]["updated_at"])
        if missing := [order_id for order_id in deadlines if order_id not in claimed]:
            for row in await fetch(self._pool, statements.UNCLAIMED, missing):
                self._clock.read(row["clock"])
                claimed[row["id"]] = _refused(row, sent_at, deadlines[row["id"]])
        return [claimed.get(order_id, ClaimRefused(seconds=None)) for order_id in deadlines]

    async def _advance(self, moves: list[Move]) -> Sequence[OrderEvent | Exception | None]:
        """The event of each move; None for a move without an event."""
        text = _json([_move_row(move) for move in moves])
        rows = await fetch(self._pool, statements.MOVE, text, self._lease, list(TERMINAL))
        landed = {row["id"]: row for row in rows}
        # Nothing was written for these: `_not_written` says why, unless a repeated write had happened before.
        before = await self._current([move.order for move in moves if move.order not in landed])
        landed |= {
            move.order: before[move.order]
            for move in moves
            if (row := before.get(move.order))
            and (row["fence"], row["seq"]) == (move.fence, move.seq)
            and row["status"] in (move.after, Status.CANCELLED)  # in place of a return: see MOVE
            and (move.seq > move.seq_before or row["is_free"])
        }
        return [
            _event(move, landed[move.order]) if move.order in landed else _not_written(move, before.get(move.order))
            for move in moves
        ]

    async def _rearm_all(self, steps: list[Rearm]) -> Sequence[OrderEvent | Exception]:
        """The event of each step: back to `open`, or the end that came first."""
        rows = await fetch(self._pool, statements.REARM, _json(list(map(_rearm_row, steps))))
        done = {row["id"]: row for row in rows}
        before = await self._current([step.order for step in steps if step.order not in done])
        done |= {
            step.order: row
            for step in steps
            if (row := before.get(step.order)) and (row["fence"], row["seq"]) == (step.fence, step.seq)
        }
        return [
            _rearm_event(step, done[step.order]) if step.order in done else _not_written(step, before.get(step.order))
            for step in steps
        ]

    async def _current(self, orders: Sequence[UUID]) -> dict[UUID, asyncpg.Record]:
        return {row["id"]: row for row in await fetch(self._pool, statements.CURRENT, orders)} if orders else {}

    async def renew(self, renewals: Sequence[Renewal]) -> None:
        """Independent of moves, which do not wait for it. A lost lease is noticed by the next move."""
        rows = [{"id": renewal.order, "fence": renewal.fence} for renewal in renewals]
        await fetch(self._pool, statements.RENEW, _json(rows), self._lease)

    async def cancel(self, order_id: UUID, owner: str) -> tuple[Order, OrderEvent | None] | None:
        """The order, with its event if this call cancelled it; None: this owner has no such order.

        An order whose swap was sent is cancelled once that is proven dead. Raises IllegalCancel or NotReconciled.
        """
        if rows := await fetch_soon(self._pool, statements.CANCEL, order_id, owner, list(CANCELLABLE)):
            order = order_from(rows[0])
            return order, OrderEvent.of(order, CANCELLED_DETAILS)
        rows = await fetch_soon(self._pool, statements.REQUEST_CANCEL, order_id, owner)
        rows = rows or await fetch(self._pool, statements.OWN, order_id, owner)
        if not rows:
            return None
        order = order_from(rows[0])
        if order.status in CANCELLABLE:
            if await fetch(self._pool, statements.RECONCILES):
                raise NotReconciled
            return await self.cancel(order_id, owner)  # it went back a moment ago
        if order.status is not Status.CANCELLED and not (order.cancel_requested and not order.is_terminal):
            raise IllegalCancel(order)
        return order, None


def _refused(row: asyncpg.Record, sent_at: float, deadline: float) -> ClaimRefused:
    status = Status(row["status"])
    if status not in UNDER_WAY:
        return ClaimRefused(seconds=None, status=status)
    if row["halted_owner"] is not None:
        return ClaimRefused(seconds=None, status=status, halted_owner=row["halted_owner"])
    if status is Status.PENDING and row["seconds"] <= 0 and not sent_at <= row["clock"].timestamp() <= deadline:
        return ClaimRefused(seconds=row["seconds"], status=status, too_late=deadline > -math.inf)
    return ClaimRefused(seconds=max(row["seconds"], 0.5), status=status)


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows, default=str).decode()  # for asyncpg's own UUID class


def _move_row(move: Move) -> dict[str, Any]:
    return {
        "id": move.order,
        "fence": move.fence,
        "seq": move.seq,
        "before": move.before,
        "after": move.after,
        "ready_in": move.ready_in,
        "details": dict(move.details) or None,
        "error": move.error,
        "code": move.code,
        "floor_out": move.floor_out,
        "swap": move.swap,
        "tx_hash": move.tx_hash,
        "dex": move.dex,
        "executed_price": None if move.executed_price is None else str(move.executed_price),
        "amount_out": move.amount_out,
        "seq_before": move.seq_before,
        "building": move.building,
    }


def _rearm_row(step: Rearm) -> dict[str, Any]:
    return {
        "id": step.order,
        "fence": step.fence,
        "seq": step.seq,
        "before": step.before,
        "error": step.error,
        "code": step.code,
        "wait": step.wait_seconds,
        "details": step.details,
        **trigger_row(step.trigger),
    }


def _not_written(step: Move | Rearm, row: asyncpg.Record | None) -> Exception:
    if row is None or (row["fence"], row["seq"], row["status"]) != (step.fence, step.seq_before, step.before):
        return LeaseLost()
    if isinstance(step, Move) and step.after is Status.SUBMITTED is not step.before and row["is_halted"]:
        return TradingHalted()
    return LeaseLost() if row["is_reconciling"] else RowLocked()


def _event(move: Move, row: asyncpg.Record) -> OrderEvent | None:
    if move.before == move.after:
        return None
    return OrderEvent(
        order_id=move.order,
        seq=move.seq,
        status=Status(row["status"]),
        attempt=row["attempt"],
        at=row["updated_at"],
        details=move.details if row["status"] == move.after else {"code": row["code"]},
    )


def _rearm_event(step: Rearm, row: asyncpg.Record) -> OrderEvent:
    return OrderEvent(
        order_id=step.order,
        seq=step.seq,
        status=Status(row["status"]),
        attempt=row["attempt"],
        at=row["updated_at"],
        details=step.details if row["status"] == Status.OPEN else {"code": row["code"]},
    )
