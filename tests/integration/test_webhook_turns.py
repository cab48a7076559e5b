"""Whose webhooks a watcher serves: slow receivers of some owners leave room for those of others."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.postgres import open_postgres
from app.webhooks import deliverer as module
from app.webhooks.deliveries import DeliveryStore
from app.webhooks.signing import Secrets, digest, new_salt
from app.webhooks.statements import PER_OWNER
from tests.engine import Engine, eventually
from tests.integration.delivering import came, cancelled_orders, delivering
from tests.integration.test_webhooks import create
from tests.receiver import Message, receiving

pytestmark = pytest.mark.usefixtures("primed_queue")


async def waiting_test(engine: Engine, owner: str, url: str) -> None:
    """A webhook of this owner, to which a test is due."""
    webhook, salt = uuid4(), new_salt()
    key = Secrets.of(engine.settings).key(webhook, salt)
    await engine.postgres.execute(
        "INSERT INTO webhooks (owner, id, url, salt, digest) VALUES ($1, $2, $3, $4, $5)",
        *(owner, webhook, url, salt, digest(key)),
    )
    await engine.postgres.execute("INSERT INTO webhook_deliveries (webhook_id) VALUES ($1)", webhook)


async def test_an_owner_with_many_slow_receivers_leaves_room_for_another(engine: Engine) -> None:
    answered = asyncio.Event()

    async def slow(_: Message) -> int:
        await answered.wait()
        return 200

    async with receiving() as held, receiving() as quick:
        held.answer = slow
        for _ in range(10):
            await waiting_test(engine, "ann", held.url)
        async with delivering(engine):
            await came(held, PER_OWNER)
            await waiting_test(engine, "bob", quick.url)
            await came(quick, 1)
            assert len(held.messages) == PER_OWNER
            answered.set()
            await came(held, 10)  # the others of hers follow


async def test_a_webhook_that_is_taken_again_before_its_release_was_answered_is_still_served(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, go_on = DeliveryStore.release, asyncio.Event()
    failures: list[str] = []

    async def answered_late(store: DeliveryStore, *arguments: Any) -> None:
        await released(store, *arguments)
        await go_on.wait()

    monkeypatch.setattr(DeliveryStore, "release", answered_late)
    monkeypatch.setattr(module, "count_failure", failures.append)
    async with receiving() as receiver, delivering(engine) as deliverer:
        await create(engine, receiver.url)
        [order] = await cancelled_orders(engine, 1)
        await came(receiver, 2)
        again = (await engine.place())["orderId"]
        await came(receiver, 3)
        go_on.set()
        await eventually(lambda: ended(deliverer))
        await engine.http.post(f"/api/orders/{again}/cancel")
        await came(receiver, 4)
        assert (receiver.seqs(order), receiver.seqs(again), failures) == ([1, 2], [1, 2], [])


async def ended(deliverer: module.Deliverer) -> bool:
    return not deliverer._turns


async def test_after_the_clock_was_set_back_a_first_attempt_does_not_wait(engine: Engine) -> None:
    postgres = await open_postgres(engine.settings.postgres_dsn or "", size=10)
    store = DeliveryStore(postgres.internal)
    webhook = UUID((await create(engine, "http://localhost:9/"))["id"])
    [failed, fresh] = [UUID(one) for one in await cancelled_orders(engine, 2)]
    await engine.postgres.execute("UPDATE webhook_deliveries SET due_at = now() + interval '10 minutes'")
    await engine.postgres.execute("UPDATE webhook_deliveries SET attempts = 1 WHERE order_id = $1 AND seq = 1", failed)
    for _ in range(2):  # the second event waits for the first
        await store.tidy()
    due = await store.due(webhook)
    await postgres.close()
    assert [(one.order, one.event.seq if one.event else None) for one in due] == [(fresh, 1), (fresh, 2)]
