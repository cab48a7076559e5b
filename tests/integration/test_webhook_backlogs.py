"""What waits for a webhook, or was given up, becomes due in small statements, however much it is."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.postgres.running import fetch
from app.webhooks import deliveries as module
from app.webhooks import statements
from app.webhooks.deliveries import DeliveryStore, Result
from tests.engine import Engine
from tests.integration.delivering import DUE, cancelled_orders, delivering, shown
from tests.integration.test_webhooks import call, create
from tests.receiver import receiving

pytestmark = pytest.mark.usefixtures("primed_queue", "no_attempt_by_itself")

LATER = f"{DUE} + interval '1 hour'"
ALL_LATER = "SELECT bool_and(due_at > now() + interval '30 minutes') FROM webhook_deliveries"


async def test_a_replay_leaves_the_deliveries_to_the_watcher(engine: Engine) -> None:
    webhook = await create(engine, "http://localhost:9/")
    await cancelled_orders(engine, 2)
    await engine.postgres.execute("UPDATE webhooks SET disabled_at = now()")
    await engine.postgres.execute(f"{LATER}, given_up_at = CASE seq WHEN 1 THEN now() END")
    assert [(await call(engine, webhook, "replay"))[1] for _ in range(2)] == [{"replayed": 2}] * 2
    assert await engine.postgres.fetchval(ALL_LATER)
    assert await engine.postgres.fetchval("SELECT count(given_up_at) FROM webhook_deliveries") == 2


async def test_an_answer_after_a_while_changes_its_own_delivery_only(engine: Engine) -> None:
    webhook = UUID((await create(engine, "http://localhost:9/"))["id"])
    await cancelled_orders(engine, 2)
    store = DeliveryStore(engine.postgres)
    [first, *_] = await store.due(webhook)
    await engine.postgres.execute(LATER)
    await engine.postgres.execute("UPDATE webhooks SET failing_since = now() - interval '4 hours'")
    await store.record([Result(delivery=first, webhook=webhook, arrived=True)])
    assert await engine.postgres.fetchval("SELECT count(*) FROM webhook_deliveries") == 3
    assert await engine.postgres.fetchval(ALL_LATER)
    assert await engine.postgres.fetchval("SELECT hurried_at IS NOT NULL FROM webhooks")


async def test_pages_of_a_replay_never_make_an_event_due_while_one_before_it_is_given_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another watcher may look after each statement."""
    overtaking = """SELECT count(*) FROM webhook_deliveries d JOIN webhook_deliveries before USING (order_id)
                     WHERE d.given_up_at IS NULL AND d.due_at <= now()
                       AND before.seq < d.seq AND before.given_up_at IS NOT NULL"""
    seen = []

    async def looked_after(pool: asyncpg.Pool, query: str, *arguments: Any) -> list[asyncpg.Record]:
        rows = await fetch(pool, query, *arguments)
        if query in {statements.REPLAY, statements.HURRY}:
            seen.append(await engine.postgres.fetchval(overtaking))
        return rows

    monkeypatch.setattr(module, "fetch", looked_after)
    monkeypatch.setattr(statements, "HURRIED", 2)
    async with receiving() as receiver:
        webhook = await create(engine, receiver.url)
        orders = await cancelled_orders(engine, 5)
        await engine.postgres.execute("UPDATE webhooks SET disabled_at = now()")
        await engine.postgres.execute(f"{LATER}, attempts = 1, given_up_at = CASE seq WHEN 1 THEN now() END")
        await call(engine, webhook, "replay")
        async with delivering(engine):
            await shown(engine, enabled=True, waiting=0, failed=0)
    assert set(seen) == {0}
    assert len(seen) >= 2 * 4  # 5 of each in pages of 2, and a look for more
    assert [receiver.seqs(order) for order in orders] == [[1, 2]] * 5
    assert len(receiver.messages) == 10
