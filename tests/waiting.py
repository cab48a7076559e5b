"""Orders that wait, written as the API writes them, and prices, written as a watcher records them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.orders.conditions import feed_of
from app.orders.model import new_order_id

FEED = "SOL/USDC"
SLOT = 4_487_500_000

OPEN = """
WITH placed AS (
    INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, venues, fingerprint, request_id,
                        status, seq, ready_at, look_at, created_at, updated_at, condition, limit_price, limit_out,
                        time_in_force, expires_at)
    SELECT id, $2, $3, $4, $5, $6, 300, $13, '\\x00', 'test', 'open', 1, now(), 'infinity', now(), now(), $7, $8, $9,
           $10, now() + $11 * interval '1 second'
      FROM unnest($1::uuid[]) AS r(id)
    RETURNING *
), logged AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at) SELECT id, 1, 'open', 0, now() FROM placed
)
INSERT INTO triggers (order_id, owner, order_type, feed, op, persist, level, base_level)
SELECT id, owner, type, $12, $14, $15, level, level FROM placed JOIN unnest($1::uuid[], $16::numeric[]) AS r(id, level)
       USING (id)
"""


RECORDED = """
WITH newest AS (
    INSERT INTO newest_slots AS n VALUES ($1, $2, clock_timestamp() - $6 * interval '1 second')
    ON CONFLICT (feed) DO UPDATE SET slot = excluded.slot, at = excluded.at WHERE n.slot <= excluded.slot
)
INSERT INTO prices (feed, slot, best, low, high, venues, at)
VALUES ($1, $2, $4, $3, $4, $5, clock_timestamp() - $6 * interval '1 second')
"""


async def place_open(
    pool: asyncpg.Pool,
    levels: Sequence[str | Decimal],
    *,
    order_type: str = "stop",
    op: str = "le",
    persist: int = 2,
    owner: str = "alice",
    pair: tuple[str, str] = ("SOL", "USDC"),
    amount_in: int = 1_500_000_000,
    limit_out: int = 1,
    time_in_force: str = "gtc",
    expires_in: float | None = None,
    venues: Sequence[str] | None = None,
) -> list[UUID]:
    """One order for each level."""
    ids = [new_order_id() for _ in levels]
    condition = orjson.dumps({"price": str(levels[0]), "when": "below"}).decode()
    await pool.execute(
        OPEN,
        ids,
        owner,
        order_type,
        *pair,
        amount_in,
        condition,
        None,
        limit_out,
        time_in_force,
        expires_in,
        feed_of(*pair),
        venues,
        op,
        persist,
        [Decimal(level) for level in levels],
    )
    return ids


async def place_limit(pool: asyncpg.Pool, level: str, *, limit_out: int, **fields: Any) -> UUID:
    """`limit_out`: base units, that the quote at its size must reach."""
    as_limit: dict[str, Any] = {"order_type": "limit", "op": "ge", "persist": 0}
    [order] = await place_open(pool, [level], limit_out=limit_out, **as_limit | fields)
    return order


async def place_trailing(
    pool: asyncpg.Pool, seen: Sequence[str], *, bps: int = 500, activation: str = "0", persist: int = 1, **fields: Any
) -> list[UUID]:
    """One order for each price that it has seen; with an activation price they do not follow the price yet."""
    levels = [Decimal(activation)] * len(seen)
    orders = await place_open(pool, levels, order_type="trailing_stop", op="start", persist=persist, **fields)
    await pool.execute(
        "UPDATE triggers t SET trail_bps = $3, base_level = seen FROM unnest($1::uuid[], $2::numeric[]) AS s(id, seen)"
        " WHERE t.order_id = s.id",
        *(orders, [Decimal(price) for price in seen], bps),
    )
    await pool.execute("UPDATE orders SET limit_out = NULL WHERE id = ANY($1)", orders)
    return orders


async def record(
    pool: asyncpg.Pool | asyncpg.pool.PoolConnectionProxy,
    slot: int,
    price: str,
    *,
    high: str | None = None,
    venues: int = 2,
    age: float = 0,
    feed: str = FEED,
) -> None:
    """A recorded price, `age` seconds ago. With `high` two venues differ."""
    await pool.execute(RECORDED, feed, slot, Decimal(price), Decimal(high or price), venues, age)


async def statuses(pool: asyncpg.Pool, orders: Sequence[UUID]) -> list[str]:
    rows = await pool.fetch("SELECT id, status FROM orders WHERE id = ANY($1)", orders)
    found = {row["id"]: row["status"] for row in rows}
    return [found[order] for order in orders]
