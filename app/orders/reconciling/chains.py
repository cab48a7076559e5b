"""Which orders are of the chain that this engine trades on."""

from uuid import UUID

import asyncpg

from app.orders.lifecycle import UNDER_WAY, sql_list
from app.postgres.errors import DatabaseUnavailable
from app.postgres.running import fetch
from app.settings import SettingsError

# Orders that wait may be old; what counts is that nothing under way is taken for lost.
OTHERS = f"""
SELECT count(*) AS orders, min(coalesce(chain, 'the simulated chain')) AS chain
  FROM orders WHERE status IN ({sql_list(UNDER_WAY)}) AND chain IS DISTINCT FROM $1
"""

FILLED = """
SELECT o.id, o.tx_hash FROM order_events e JOIN orders o ON o.id = e.order_id
 WHERE e.at > now() - interval '2 hours' AND e.at <= now() - $1 * interval '1 second'
   AND e.status = 'confirmed' AND o.chain = $2
"""


async def filled_lately(pool: asyncpg.Pool, chain: str, after_seconds: float) -> dict[str, UUID]:
    """Signature → order, of those filled on this chain and so many seconds ago or earlier."""
    return {row["tx_hash"]: row["id"] for row in await fetch(pool, FILLED, after_seconds, chain)}


async def refuse_other_chains(pool: asyncpg.Pool, chain: str | None) -> None:
    """For the start of a worker. `chain`: genesis hash; None: the simulated chain.

    While the database is down or not migrated nothing is refused: a claim takes no order of another chain either.
    """
    try:
        (found,) = await fetch(pool, OTHERS, chain)
    except DatabaseUnavailable:
        return
    if found["orders"]:
        raise SettingsError(
            f"CHAIN: {found['orders']} orders under way were placed for another chain ({found['chain']}). "
            "Start a worker with its settings until they have ended, or use another database."
        )
