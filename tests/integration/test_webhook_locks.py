"""Somebody has locked a webhook, or what was sent to it: others are served, and it goes on once it is free."""

import asyncio
from uuid import UUID

import pytest

from app.webhooks import deliverer as module
from tests.engine import Engine, eventually
from tests.integration.delivering import came, cancelled_orders, delivering
from tests.integration.test_webhooks import create
from tests.receiver import Message, receiving

pytestmark = pytest.mark.usefixtures("primed_queue")

NONE_LEFT = "SELECT NOT EXISTS (SELECT FROM webhook_deliveries)"


@pytest.mark.parametrize(("table", "key"), [("webhooks", "id"), ("webhook_deliveries", "webhook_id")])
async def test_what_somebody_has_locked_holds_up_no_other_webhook(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, table: str, key: str
) -> None:
    monkeypatch.setattr(module, "LEASE_SECONDS", 600)  # so that it is not given up meanwhile
    asked, answers = asyncio.Event(), asyncio.Event()

    async def late(_: Message) -> int:
        asked.set()
        await answers.wait()
        return 200

    async with receiving() as locked, receiving() as other, delivering(engine):
        locked.answer = late
        webhook = await create(engine, locked.url)
        await create(engine, other.url)
        await cancelled_orders(engine, 1)
        await asked.wait()
        async with engine.postgres.acquire() as somebody, somebody.transaction():
            await somebody.execute(f"SELECT FROM {table} WHERE {key} = $1 FOR UPDATE", UUID(webhook["id"]))
            answers.set()
            await cancelled_orders(engine, 1)
            await came(other, 4)
        await eventually(lambda: engine.postgres.fetchval(NONE_LEFT))
    assert len({message.id for message in locked.messages}) == len(locked.messages) == 4
