"""Deliveries to a receiver: what a watcher does, and waiting for what it has done."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from app.postgres.errors import DatabaseUnavailable
from app.postgres.pools import open_postgres
from app.webhooks.deliverer import Deliverer
from app.webhooks.deliveries import DeliveryStore
from app.webhooks.sender import Sender
from app.webhooks.signing import Secrets
from tests.engine import Engine, eventually
from tests.integration.test_webhooks import listed
from tests.receiver import Message, Receiver

DUE = "UPDATE webhook_deliveries SET due_at = now()"
FREE = "UPDATE webhooks SET served_until = now()"


@contextlib.asynccontextmanager
async def delivering(
    engine: Engine, *, at_once: int = 5, per_second: int = 1000, secret: str | None = None
) -> AsyncIterator[Deliverer]:
    """What a watcher does, with hardly any time between two rounds."""
    postgres = await open_postgres(engine.settings.postgres_dsn or "", size=10)
    secrets = Secrets(secret) if secret else Secrets.of(engine.settings)
    deliverer = Deliverer(
        DeliveryStore(postgres.internal),
        Sender(local=True, max_connections=100),
        secrets,
        at_once=at_once,
        per_second=per_second,
    )

    async def rounds() -> None:
        while True:
            with contextlib.suppress(DatabaseUnavailable):
                await deliverer.round()
            await asyncio.sleep(0.02)

    running = asyncio.create_task(rounds())
    try:
        yield deliverer
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await deliverer.stop()
        await postgres.close()


async def cancelled_orders(engine: Engine, count: int) -> list[str]:
    """Two events each."""
    orders = [(await engine.place())["orderId"] for _ in range(count)]
    for order in orders:
        await engine.http.post(f"/api/orders/{order}/cancel")
    return orders


async def came(receiver: Receiver, count: int) -> None:
    async def so_many() -> bool:
        return len(receiver.messages) >= count

    await eventually(so_many)


async def released(engine: Engine) -> None:
    """No watcher has a lease: what the test sets now stays."""
    await eventually(lambda: engine.postgres.fetchval("SELECT bool_and(served_by IS NULL) FROM webhooks"))


async def shown(engine: Engine, **fields: Any) -> dict[str, Any]:
    """The webhook, once it is shown like that."""

    async def is_shown() -> dict[str, Any]:
        [webhook] = await listed(engine)
        return webhook if fields.items() <= webhook.items() else {}

    return await eventually(is_shown)


class Refusing:
    """Answers with a status to some messages, and takes the others."""

    def __init__(self, *events: tuple[str, int], status: int = 500) -> None:
        self.events, self.status = set(events), status

    async def __call__(self, message: Message) -> int:
        return self.status if message.data.get("orderId") is None or message.event in self.events else 200
