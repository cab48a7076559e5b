"""The book: every write to an order. Each is one guarded statement that updates the row and logs the event.

Many callers share a statement (see `batching.py`); statements lock rows in key order, so two never deadlock.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.batching import Batcher
from app.orders.lifecycle import ALIVE, CANCELLABLE, TERMINAL, Status
from app.orders.model import (
    ClaimRefused,
    IllegalCancel,
    KeyReused,
    LeaseLost,
    Move,
    Order,
    OrderEvent,
    Placed,
    PlaceOrder,
    Renewal,
)
from app.orders.store import statements
from app.orders.store.reads import ORDER_COLUMNS, order_from
from app.postgres import BAD_ROW, DatabaseUnavailable, fetch

MAX_MOVES = 100  # in one statement, which compares each with each
AT_ONCE = 2  # statements of a kind


class OrderStore:
    """Every writer of orders in this process goes through one of these."""

    def __init__(self, pool: asyncpg.Pool, *, lease_seconds: float = 5.0) -> None:
        self._pool = pool
        self._lease = lease_seconds
        # One at a time: the first to come is the first in line.
        self.place: Batcher[PlaceOrder, Placed] = Batcher(self._place, key=lambda order: order.id, bad_row=BAD_ROW)
        self._claims: Batcher[tuple[UUID, bool], Order | ClaimRefused] = Batcher(
            self._claim, at_once=AT_ONCE, key=lambda claim: claim[0]
        )
        self.advance: Batcher[Move, OrderEvent | None] = Batcher(
            self._advance,
            most=MAX_MOVES,
            at_once=AT_ONCE,
            key=lambda move: move.order,
            bad_row=BAD_ROW,
        )

    async def _place(self, orders: list[PlaceOrder]) -> Sequence[Placed | Exception]:
        rows = await fetch(self._pool, statements.PLACE, _json([_asked(order) for order in orders]))
        created = {row["id"]: row["created_at"] for row in rows}
        met: list[asyncpg.Record] = []
        if missing := [order for order in orders if order.id not in created]:
            met = await fetch(self._pool, statements.PLACED_BEFORE, _json([_asked(order) for order in missing]))
        return [_placed(order, created, met) for order in orders]

    async def claim(self, order_id: UUID, *, may_start: bool) -> Order | ClaimRefused:
        """`may_start`: whether a start was granted. Without one only an order that is submitted can be had."""
        return await self._claims((order_id, may_start))

    async def _claim(self, claims: list[tuple[UUID, bool]]) -> Sequence[Order | ClaimRefused | Exception]:
        ids, may_start = [claim[0] for claim in claims], [claim[1] for claim in claims]
        rows = await fetch(self._pool, statements.CLAIM, ids, self._lease, may_start)
        claimed: dict[UUID, Order | ClaimRefused] = {row["id"]: order_from(row) for row in rows}
        if missing := [order_id for order_id in ids if order_id not in claimed]:
            for row in await fetch(self._pool, statements.UNCLAIMED, missing):
                alive = row["status"] in ALIVE
                seconds = max(row["seconds"], 0.5) if alive else None
                claimed[row["id"]] = ClaimRefused(seconds=seconds, status=Status(row["status"]))
        return [claimed.get(order_id, ClaimRefused(seconds=None)) for order_id in ids]

    async def _advance(self, moves: list[Move]) -> Sequence[OrderEvent | Exception | None]:
        """A move that makes no event answers None."""
        rows = await fetch(
            self._pool, statements.MOVE, _json([_step(move) for move in moves]), self._lease, list(TERMINAL)
        )
        landed = {row["id"]: row for row in rows}
        if doubtful := [move.order for move in moves if move.order not in landed]:
            # Nothing came back for these: a repeated write that had landed before, or a lease that is gone.
            before = {row["id"]: row for row in await fetch(self._pool, statements.LANDED, doubtful)}
            landed |= {
                move.order: before[move.order]
                for move in moves
                if (row := before.get(move.order))
                and (row["fence"], row["seq"], row["status"]) == (move.fence, move.seq, move.after)
            }
        return [_event(move, landed[move.order]) if move.order in landed else LeaseLost() for move in moves]

    async def renew(self, renewals: Sequence[Renewal]) -> None:
        """Apart from the moves, which do not wait for it. A lease that is lost is noticed by the next move."""
        rows = [{"id": renewal.order, "fence": renewal.fence} for renewal in renewals]
        await fetch(self._pool, statements.RENEW, _json(rows), self._lease)

    async def cancel(self, order_id: UUID, owner: str) -> tuple[Order, OrderEvent | None] | None:
        """The cancelled order, with its event if this call made it; None: no such order of this owner."""
        if rows := await fetch(self._pool, statements.CANCEL, order_id, owner, list(CANCELLABLE)):
            order = order_from(rows[0])
            return order, OrderEvent(
                order_id=order.id,
                seq=order.seq,
                status=order.status,
                attempt=order.attempt,
                at=order.updated_at,
            )
        rows = await fetch(
            self._pool,
            f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = $1 AND owner = $2",
            order_id,
            owner,
        )
        if not rows:
            return None
        if (order := order_from(rows[0])).status is not Status.CANCELLED:
            raise IllegalCancel(order)
        return order, None


def _json(rows: list[dict[str, Any]]) -> str:
    return orjson.dumps(rows, default=str).decode()  # asyncpg has a UUID class of its own


def _asked(order: PlaceOrder) -> dict[str, Any]:
    return {
        "id": order.id,
        "owner": order.owner,
        "type": order.type,
        "token_in": order.token_in,
        "token_out": order.token_out,
        "amount_in": order.amount_in,
        "slippage_bps": order.slippage_bps,
        "min_amount_out": order.min_amount_out,
        "max_price_impact_bps": order.max_price_impact_bps,
        "venues": order.venues,
        "expires_in_seconds": order.expires_in_seconds,
        "client_order_id": order.client_order_id,
        "retry_of": order.retry_of,
        "idempotency_key": order.idempotency_key,
        "fingerprint": order.fingerprint.hex(),
        "request_id": order.request_id,
    }


def _placed(order: PlaceOrder, created: dict[UUID, datetime], met: list[asyncpg.Record]) -> Placed | Exception:
    if at := created.get(order.id):
        return _new(order, at)
    for row in met:
        if row["id"] == order.id:  # the insert of an earlier, doubtful try
            return _new(order, row["created_at"])
    for row in met:
        if (row["owner"], row["idempotency_key"]) == (order.owner, order.idempotency_key):
            if row["fingerprint"] != order.fingerprint:
                return KeyReused()
            return Placed(row["id"], Status(row["status"]), row["created_at"], idempotent=True)
    return DatabaseUnavailable()  # met and gone again: cannot be, but if it is, ask the client to repeat


def _new(order: PlaceOrder, at: datetime) -> Placed:
    pending = OrderEvent(order_id=order.id, seq=1, status=Status.PENDING, attempt=0, at=at)
    return Placed(order.id, Status.PENDING, at, pending=pending)


def _step(move: Move) -> dict[str, Any]:
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
    }


def _event(move: Move, row: asyncpg.Record) -> OrderEvent | None:
    if move.before == move.after:
        return None
    return OrderEvent(
        order_id=move.order,
        seq=move.seq,
        status=move.after,
        attempt=row["attempt"],
        at=row["updated_at"],
        details=move.details,
    )
