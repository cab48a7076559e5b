"""Placing a group of orders of which one may be filled: all of them are inserted, or none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import asyncpg

from app.orders.lifecycle import Status
from app.orders.model import KeyReused, OrderEvent, Placed, PlaceOrder, TooManyOpen, TradingStopped
from app.orders.risk import RiskLimitExceeded, RiskLimits, beyond_limits, most_used
from app.orders.rows import rows_of
from app.orders.store.daily_volumes import Days, counts
from app.orders.store.placing import ANSWER, FORGOTTEN, STOPPED, open_orders
from app.orders.store.reads import repeated
from app.orders.store.statements import logged
from app.postgres.errors import RowLocked
from app.postgres.running import fetch

# $6: the group's id, $7 its owner, $8 its type, $9 its idempotency key, $10 its fingerprint, $11 its entry, $12 the
# orders that may all be filled, whose value counts for the day
_MADE = f"""made AS (
    INSERT INTO order_groups (id, owner, type, idempotency_key, fingerprint, entry, holder, created_at)
    SELECT $6::uuid, $7::text, $8::text, $9::text, $10::bytea, $11::uuid, $11::uuid, now()
     WHERE EXISTS (SELECT FROM free) AND NOT EXISTS (SELECT FROM requested WHERE {FORGOTTEN})
    ON CONFLICT DO NOTHING RETURNING id
), """
PLACE_GROUP = f"""
WITH {open_orders(made=_MADE, group="$6::uuid")}, {counts("id = ANY($12::uuid[])")}, {logged("placed")}
{ANSWER}
"""
# $1 the tag of a key
IS_FORGOTTEN = f"SELECT FROM (SELECT $1::text AS tag) AS requested WHERE {FORGOTTEN}"
GROUP_BEFORE = """
SELECT g.id AS group_id, g.fingerprint, o.chain, o.id, o.created_at, o.status, o.type, o.condition
  FROM order_groups g JOIN orders o ON o.group_id = g.id
 WHERE g.id = $1 OR (g.owner = $2 AND g.idempotency_key = $3) ORDER BY o.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceGroup:
    id: UUID  # minted before the insert, so that repeating the insert makes no second group
    owner: str
    type: str
    orders: Sequence[PlaceOrder]
    idempotency_key: str | None
    tag: str | None  # of owner and key: see `app/orders/memo.py`
    fingerprint: bytes
    entry: UUID | None = None  # the order whose fill arms the others

    @property
    def filled_at_most(self) -> Sequence[PlaceOrder]:
        """The entry, and of the others the one that is worth most."""
        others = [order for order in self.orders if order.id != self.entry]
        most = max(others, key=lambda order: math.inf if order.usd_value is None else order.usd_value)
        return [*(order for order in self.orders if order.id == self.entry), most]


@dataclass(frozen=True, slots=True)
class PlacedGroup:
    id: UUID
    orders: Sequence[Placed]
    idempotent: bool


class GroupPlacing:
    def __init__(self, pool: asyncpg.Pool, limits: RiskLimits, *, max_open: int) -> None:
        self._pool = pool
        self._limits = limits
        self._max_open = max_open
        self._days = Days(pool)

    async def place(self, group: PlaceGroup) -> PlacedGroup:
        """Raises KeyReused, RiskLimitExceeded, TooManyOpen or TradingStopped.

        Its key is also that of its first order, with the group's fingerprint: one key is one request, of a group or of
        an order, whichever is first.
        """
        first = replace(group.orders[0], idempotency_key=group.idempotency_key, fingerprint=group.fingerprint)
        group = replace(group, orders=[replace(order, tag=group.tag) for order in (first, *group.orders[1:])])
        refused: Exception | None = None
        try:
            try:
                rows = await self._insert(group)
            except RowLocked:
                rows = await self._insert(group)
            if rows:
                created = {row["id"]: row["created_at"] for row in rows}
                return PlacedGroup(group.id, [_new(order.id, created[order.id]) for order in group.orders], False)
        except RiskLimitExceeded as error:
            refused = error  # the group that it repeats may be what used up the day
        except asyncpg.UniqueViolationError:
            refused = KeyReused()  # an order has the key
        if before := await self.find(group):
            return before
        if refused is None:
            stopped = await fetch(self._pool, STOPPED, [group.owner])
            refused = TradingStopped() if stopped else TooManyOpen()
        raise refused

    async def _insert(self, group: PlaceGroup) -> list[asyncpg.Record]:
        """No rows: not within what an owner may have, or not now, or it was made before."""
        counted, used = group.filled_at_most, dict[str, int]()
        while True:
            beyond = beyond_limits(counted, self._limits, used)
            most = most_used(counted, self._limits, beyond, used)
            for refused in beyond.values():
                if most.get(group.owner) != -1:
                    raise refused
            rows = await self._days.insert(
                PLACE_GROUP,
                rows_of(group.orders),
                *([*most], [*most.values()], self._max_open),
                *(group.id, group.owner, group.type, group.idempotency_key, group.fingerprint, group.entry),
                [order.id for order in counted],
            )
            if not rows or rows[0]["owner"] is None:
                return rows
            used = {group.owner: int(rows[0]["used"])}

    async def find(self, group: PlaceGroup) -> PlacedGroup | None:
        """The same group, of an earlier request or of an insert whose answer was lost. Raises KeyReused."""
        rows = await fetch(self._pool, GROUP_BEFORE, group.id, group.owner, group.idempotency_key)
        if not rows:
            if group.tag and await fetch(self._pool, IS_FORGOTTEN, group.tag):
                raise KeyReused  # of this group, which was forgotten: an order of it was filled
            return None
        if (rows[0]["fingerprint"], rows[0]["chain"]) != (group.fingerprint, group.orders[0].chain):
            raise KeyReused
        types = [order.type for order in group.orders]  # no two orders of a group have the same
        rows.sort(key=lambda row: types.index(row["type"]))
        if rows[0]["group_id"] == group.id:
            return PlacedGroup(group.id, [_new(row["id"], row["created_at"]) for row in rows], False)
        return PlacedGroup(rows[0]["group_id"], [repeated(row) for row in rows], True)


def _new(order: UUID, created_at: datetime) -> Placed:
    event = OrderEvent(order_id=order, seq=1, status=Status.OPEN, attempt=0, at=created_at)
    return Placed(order, Status.OPEN, created_at, event=event)
