"""Fills the tables directly: millions of orders that have ended, or many that wait."""

import shutil

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
