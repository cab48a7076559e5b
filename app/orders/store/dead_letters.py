"""Dead letters: orders that failed. They are listed, retried as new orders, and acknowledged; never deleted."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.orders.conditions import Lifetime, TimeInForce, Waiting, feed_of, trigger_of
from app.orders.model import Order, PlaceOrder, new_order_id, retry_key
from app.orders.store.reads import ORDER_COLUMNS, PageKey, order_from
from app.postgres.running import fetch

ACKNOWLEDGE_BATCH = 5_000  # rows in one statement
LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

# The first parameter is an owner; NULL, for operators only, means every owner. Index: orders_dead_letters.
PAGE = f"""
SELECT {ORDER_COLUMNS} FROM orders
 WHERE status = 'failed' AND acknowledged_at IS NULL AND ($1::text IS NULL OR owner = $1)
   AND (updated_at, id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, '{LAST_ID}'))
 ORDER BY updated_at DESC, id DESC LIMIT $4
"""
COUNT = """
SELECT coalesce(code, 'unknown') AS code, count(*) AS orders, min(updated_at) AS oldest, max(updated_at) AS newest
  FROM orders
 WHERE status = 'failed' AND acknowledged_at IS NULL AND ($1::text IS NULL OR owner = $1)
 GROUP BY 1 ORDER BY 2 DESC, 1
"""
ACKNOWLEDGE = """
WITH next AS (
    SELECT id FROM orders
     WHERE status = 'failed' AND acknowledged_at IS NULL AND ($1::text IS NULL OR owner = $1) AND updated_at <= $2
     ORDER BY updated_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE orders SET acknowledged_at = now() FROM next WHERE orders.id = next.id RETURNING orders.id
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """The dead letters that were not acknowledged yet."""

    by_code: Mapping[str, int]
    oldest: datetime | None
    newest: datetime | None

    @property
    def total(self) -> int:
        return sum(self.by_code.values())


class DeadLetters:
    def __init__(self, pool: asyncpg.Pool, *, writing: asyncpg.Pool) -> None:
        self._pool = pool
        self._writing = writing

    async def page(self, owner: str | None, after: PageKey | None, limit: int) -> list[Order]:
        """Not acknowledged, latest failure first. `created_at` of the key is the time of the failure."""
        at, order_id = (after.created_at, after.id) if after else (None, None)
        return [order_from(row) for row in await fetch(self._pool, PAGE, owner, at, order_id, limit)]

    async def summary(self, owner: str | None) -> Summary:
        rows = await fetch(self._pool, COUNT, owner)
        return Summary(
            {row["code"]: row["orders"] for row in rows},
            min((row["oldest"] for row in rows), default=None),
            max((row["newest"] for row in rows), default=None),
        )

    async def acknowledge(self, owner: str | None, until: datetime) -> int:
        """Acknowledge all that failed until then, a bounded number at a time; how many they were."""
        acknowledged = 0
        while found := len(await fetch(self._writing, ACKNOWLEDGE, owner, until, ACKNOWLEDGE_BATCH)):
            acknowledged += found
        return acknowledged


def _waits_again(failed: Order) -> Waiting | None:
    """An order with a condition waits for it again, at the same floor."""
    if failed.condition is None:
        return None
    feed = feed_of(failed.token_in, failed.token_out)
    return Waiting(
        limit_price=failed.limit_price,
        limit_out=failed.limit_out,
        condition=failed.condition,
        trigger=trigger_of(failed.type, feed, failed.limit_price, failed.condition, failed.extreme),
    )


def as_new_order(
    failed: Order,
    *,
    usd_value: int | None,
    max_daily_usd: int | None,
    request_id: str,
    tag: str | None = None,
    chain: str | None = None,
) -> PlaceOrder:
    """The same order as a new one, of the same owner, that names the one that failed.

    Its idempotency key is derived from the failed order's id: however often an order is retried, one new order is made.
    If that one fails too, it is a dead letter that can be retried in turn. It keeps the limit that one order of its
    owner had; the daily limit is that of the key that retries it.
    """
    seconds = 0 if failed.expires_at is None else round((failed.expires_at - failed.created_at).total_seconds())
    return PlaceOrder(
        id=new_order_id(),
        owner=failed.owner,
        type=failed.type,
        token_in=failed.token_in,
        token_out=failed.token_out,
        amount_in=failed.amount_in,
        slippage_bps=failed.slippage_bps,
        min_amount_out=failed.min_amount_out,
        max_price_impact_bps=failed.max_price_impact_bps,
        venues=failed.venues,
        expires_in_seconds=seconds,
        lifetime=None if failed.time_in_force is None else Lifetime(TimeInForce(failed.time_in_force)),
        waiting=_waits_again(failed),
        client_order_id=failed.client_order_id,
        retry_of=failed.id,
        usd_value=usd_value,
        max_order_usd=failed.max_order_usd,
        max_daily_usd=max_daily_usd,
        idempotency_key=retry_key(failed.id),
        tag=tag,
        fingerprint=hashlib.sha256(failed.id.bytes).digest(),
        request_id=request_id,
        chain=chain,
    )
