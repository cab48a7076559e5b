"""Fills the tables directly: millions of orders that have ended, or many that wait."""

import shutil
from collections.abc import Mapping
from decimal import Decimal

import asyncpg

from app.local.data_home import DataHome
from tests.bench.systems import System

PER_STATEMENT = 500_000
NEEDED_BYTES_PER_ORDER = 3_000  # row, event, indexes, and the log of writing them

# Ids grow with time like those of the engine, and the oldest order is written first. Half of the orders belong to the
# caller, the rest to a thousand other owners; one in a hundred has failed. They are a second apart. Each has one event,
# its last: with all five this would measure the disk.
ENDED = """
INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, fingerprint, request_id, status, seq,
                    attempt, floor_out, tx_hash, dex, executed_price, amount_out, fence, ready_at, look_at,
                    created_at, updated_at, acknowledged_at)
SELECT uuidv7(at - now()), CASE WHEN n % 2 = 0 THEN $3 ELSE 'stranger-' || n % 1000 END, 'market', 'SOL', 'USDC',
       1500000000, 50, '\\x00', 'filled', CASE WHEN n % 100 = 0 THEN 'failed' ELSE 'confirmed' END, 5, 1, 220000000,
       repeat('5', 88), CASE WHEN n % 3 = 0 THEN 'raydium' ELSE 'meteora' END, 149.5, 224000000, 1, at, at, at, at, at
  FROM generate_series($1::bigint, $2::bigint) AS n,
       LATERAL (SELECT now() - ($4::bigint + 1 - n) * interval '1 second' AS at) AS moment
"""
# Placed an hour ago, without expiry. The sweeper checks such orders every 15 minutes: the times are spread over them.
WAITING = """
INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, fingerprint, request_id, status, seq,
                    ready_at, look_at, created_at, updated_at)
SELECT uuidv7(at - now()), $2, 'market', 'SOL', 'USDC', 1500000000, 50, '\\x00', 'filled', 'pending', 1,
       at, now() + random() * interval '15 minutes', at, at
  FROM generate_series(1, $1::bigint) AS n,
       LATERAL (SELECT now() - interval '1 hour' + n * interval '1 millisecond' AS at) AS moment
"""
# Stops and take-profits, from 0.05 % to 30 % away from the price of their pair.
OPEN = """
WITH placed AS (
    INSERT INTO orders (id, owner, type, token_in, token_out, amount_in, slippage_bps, fingerprint, request_id, status,
                        seq, ready_at, look_at, created_at, updated_at, condition, limit_out, time_in_force)
    SELECT uuidv7(), 'caller-' || n % 100, CASE n / $2 % 2 WHEN 0 THEN 'stop' ELSE 'take_profit' END,
           split_part(feed, '/', 1), split_part(feed, '/', 2), 1500000000, 300, '\\x00', 'filled', 'open', 1, now(),
           'infinity', now(), now(), '{}', 1, 'gtc'
      FROM generate_series(1, $1::bigint) AS n, LATERAL (SELECT ($3::text[])[n % $2 + 1] AS feed) AS pair
    RETURNING *
)
INSERT INTO triggers (order_id, owner, order_type, feed, op, persist, level, base_level)
SELECT id, owner, type, feed, CASE type WHEN 'stop' THEN 'le' ELSE 'ge' END, 2, level, level
  FROM (SELECT *, token_in || '/' || token_out AS feed, 0.0005 + random() * 0.2995 AS away FROM placed) AS orders
  JOIN unnest($3::text[], $4::numeric[]) AS p(feed, price) USING (feed),
       LATERAL (SELECT price * (1 + away * CASE type WHEN 'stop' THEN -1 ELSE 1 END)::numeric AS level) AS at
"""
EVENTS = """
INSERT INTO order_events (order_id, seq, status, attempt, at)
SELECT id, seq, status, attempt, updated_at FROM orders
"""


def has_disk_space(data_home: DataHome, orders: int) -> bool:
    return shutil.disk_usage(data_home.data).free > orders * NEEDED_BYTES_PER_ORDER


async def fill(system: System, owner: str, *, ended: int, waiting: int = 0) -> None:
    """Waiting orders are queued by the first worker that starts: it finds Redis empty and restores the queue."""
    async with system.db.acquire() as connection:
        # Foreign keys are not checked: the rows are consistent by construction.
        await connection.execute("SET session_replication_role = replica")
        for first in range(1, ended + 1, PER_STATEMENT):
            await connection.execute(ENDED, first, min(first + PER_STATEMENT - 1, ended), owner, ended, timeout=600)
        await connection.execute(WAITING, waiting, owner)
        await connection.execute(EVENTS, timeout=600)
        await connection.execute("RESET session_replication_role")
        await connection.execute("VACUUM (ANALYZE) orders", timeout=600)
        await connection.execute("VACUUM (ANALYZE) order_events", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)


async def fill_open(db: asyncpg.Pool, prices: Mapping[str, Decimal], orders: int) -> None:
    """Orders that wait, in place of all others; `prices`: of each pair."""
    async with db.acquire() as connection:
        await connection.execute("TRUNCATE orders, prices, newest_slots, watermarks CASCADE")
        await connection.execute("SET session_replication_role = replica")
        for first in range(0, orders, PER_STATEMENT):
            some = min(PER_STATEMENT, orders - first)
            await connection.execute(OPEN, some, len(prices), list(prices), list(prices.values()), timeout=600)
        await connection.execute("RESET session_replication_role")
        for table in ("orders", "triggers", "prices"):
            await connection.execute(f"VACUUM (ANALYZE) {table}", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)
