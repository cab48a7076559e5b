"""Deliveries, for the watchers that send them.

- A webhook is served by one watcher at a time, which holds its lease: so its limits hold, however many watchers run.
- An event of an order is sent once the one before has arrived or was given up: `DUE` never returns it earlier.
- A delivery is deleted after it has arrived. A watcher that dies in between leaves it, and it is sent again.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.orders.model import OrderEvent
from app.orders.store.reads import event_from
from app.orders.store.sweep import SET_BACK_SECONDS
from app.postgres.clock import DatabaseClock
from app.postgres.running import fetch, fetch_soon
from app.webhooks import statements
from app.webhooks.backoff import wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A webhook that this watcher sends to."""

    id: UUID
    owner: str
    url: str
    salt: bytes
    digest: bytes
    previous_salt: bytes | None  # of a secret that still signs too
    hurried_at: datetime | None  # what waits is made due before anything more is sent
    replayed_at: datetime | None  # and before that what was given up until then
    is_kept: bool = True  # False: somebody has locked it, so its lease was not renewed


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    id: UUID
    order: UUID | None  # None: a test
    attempts: int
    created_at: datetime
    event: OrderEvent | None  # None: a test, or it was pruned
    terms: Mapping[str, Any]  # of the order


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one attempt. No error, and not arrived: there was nothing to send."""

    delivery: Delivery
    webhook: UUID
    error: str | None = None
    arrived: bool = False
    gone: bool = False


class DeliveryStore:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._clock = DatabaseClock()
        self.set_back = False  # the clock of Postgres was, since the last `tidy`

    async def take(self, watcher: UUID, limit: int) -> list[Served]:
        return [Served(**dict(row)) for row in await fetch(self._pool, statements.TAKE, watcher, limit)]

    async def keep(self, watcher: UUID, webhooks: Sequence[UUID]) -> list[Served]:
        return [Served(**dict(row)) for row in await fetch(self._pool, statements.KEEP, watcher, webhooks)]

    async def release(self, watcher: UUID, webhooks: Sequence[UUID]) -> None:
        await fetch_soon(self._pool, statements.RELEASE, watcher, webhooks)

    async def broken(self, webhook: UUID, why: str) -> None:
        await fetch(self._pool, statements.BROKEN, webhook, why)

    async def due(self, webhook: UUID, limit: int = statements.PAGE) -> list[Delivery]:
        """In the order of each order's events."""
        return [_delivery(row) for row in await fetch(self._pool, statements.DUE, webhook, limit)]

    async def replay_page(self, webhook: Served, after: datetime | None) -> datetime | None:
        """Where it has ended; None: that is all."""
        page = webhook.id, after, statements.HURRIED, webhook.replayed_at
        return (await fetch(self._pool, statements.REPLAY, *page))[0]["until"]  # type: ignore[no-any-return]

    async def hurry_page(self, webhook: Served, after: datetime | None) -> datetime | None:
        page = webhook.id, after, statements.HURRIED
        return (await fetch(self._pool, statements.HURRY, *page))[0]["until"]  # type: ignore[no-any-return]

    async def hurry_done(self, webhook: Served) -> None:
        await fetch(self._pool, statements.HURRY_DONE, webhook.id, webhook.hurried_at)

    async def record(self, results: Sequence[Result]) -> list[asyncpg.Record]:
        """The webhooks that were switched off; and each delivery that is `locked`, of which nothing was recorded."""
        rows = [
            {
                "id": result.delivery.id,
                "webhook_id": result.webhook,
                "arrived": result.arrived,
                "error": result.error,
                "gone": result.gone,
                "wait": wait(result.delivery.attempts),
            }
            for result in results
        ]
        # `default` is for asyncpg's own UUID class.
        return await fetch(self._pool, statements.RECORD, orjson.dumps(rows, default=str).decode())

    async def behind(self) -> float:
        [(seconds, at)] = await fetch(self._pool, statements.BEHIND)
        self.set_back |= SET_BACK_SECONDS < self._clock.read(at) < math.inf  # of the first one nobody knows
        return float(seconds)

    async def tidy(self) -> bool:
        """Whether there is more to delete."""
        await fetch(self._pool, statements.SET_BACK, self.set_back)
        self.set_back = False
        return bool((await fetch(self._pool, statements.DELETE))[0]["deliveries"] == statements.DELETED)


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(
        id=row["id"],
        order=row["order_id"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        event=event_from(row) if row["status"] is not None else None,
        terms={
            "orderType": row["type"],
            "tokenIn": row["token_in"],
            "tokenOut": row["token_out"],
            "clientOrderId": row["client_order_id"],
        },
    )
