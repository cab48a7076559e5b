"""Dead letters: the orders that failed. They are read, tried again as new orders, and ticked off; never destroyed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from app.orders.intake import new_order_id
from app.orders.model import Order, PlaceOrder
from app.orders.store.reads import ORDER_COLUMNS, PageKey, order_from
from app.postgres import fetch

AT_ONCE = 5_000  # acknowledged by one statement
LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

# Each takes an owner first; NULL, which only an operator may say, means everybody's. Index: orders_dead_letters.
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

RETRY_KEY = "↻"  # no client can send it: its keys are ASCII


@dataclass(frozen=True, slots=True)
class Summary:
    """The dead letters that nobody has acknowledged."""

    by_code: Mapping[str, int]
    oldest: datetime | None
    newest: datetime | None

    @property
    def total(self) -> int:
        return sum(self.by_code.values())


class DeadLetters:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def page(self, owner: str | None, below: PageKey | None, limit: int) -> list[Order]:
        """Those not acknowledged, latest failure first."""
        at, order_id = (below.created_at, below.id) if below else (None, None)
        return [order_from(row) for row in await fetch(self._pool, PAGE, owner, at, order_id, limit)]

    async def summary(self, owner: str | None) -> Summary:
        rows = await fetch(self._pool, COUNT, owner)
        return Summary(
            {row["code"]: row["orders"] for row in rows},
            min((row["oldest"] for row in rows), default=None),
            max((row["newest"] for row in rows), default=None),
        )

    async def acknowledge(self, owner: str | None, until: datetime) -> int:
        """Ticks off all that failed until then, a bounded number at a time; how many that were."""
        ticked = 0
        while found := len(await fetch(self._pool, ACKNOWLEDGE, owner, until, AT_ONCE)):
            ticked += found
        return ticked


def again(letter: Order, *, request_id: str) -> PlaceOrder:
    """The same order once more, its owner's, naming the one that failed.

    Its key is made of the letter's id: however often a letter is retried, it makes one new order. If that fails too,
    it is a dead letter itself, to be retried as such.
    """
    lives = 0 if letter.expires_at is None else round((letter.expires_at - letter.created_at).total_seconds())
    return PlaceOrder(
        id=new_order_id(),
        owner=letter.owner,
        type=letter.type,
        token_in=letter.token_in,
        token_out=letter.token_out,
        amount_in=letter.amount_in,
        slippage_bps=letter.slippage_bps,
        min_amount_out=letter.min_amount_out,
        max_price_impact_bps=letter.max_price_impact_bps,
        venues=letter.venues,
        expires_in_seconds=lives,
        client_order_id=letter.client_order_id,
        retry_of=letter.id,
        idempotency_key=f"{RETRY_KEY}{letter.id}",
        fingerprint=hashlib.sha256(letter.id.bytes).digest(),
        request_id=request_id,
    )
