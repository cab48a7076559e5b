"""Whose webhooks a watcher serves: slow receivers of some owners leave room for those of others."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.webhooks import deliverer as module
from app.webhooks.deliveries import DeliveryStore
from app.webhooks.signing import Secrets, digest, new_salt
from app.webhooks.statements import DELETE, PER_OWNER, SET_BACK
from tests.engine import Engine, eventually
from tests.integration.delivering import came, cancelled_orders, delivering, released
from tests.integration.test_webhooks import create
from tests.receiver import Message, receiving

pytestmark = pytest.mark.usefixtures("primed_queue")


async def waiting_test(engine: Engine, owner: str, url: str, count: int = 1) -> None:
    """A webhook of this owner, to which a test is due, or so many."""
    webhook, salt = uuid4(), new_salt()
    key = Secrets.of(engine.settings).key(webhook, salt)
    await engine.postgres.execute(
        "INSERT INTO webhooks (owner, id, url, salt, digest) VALUES ($1, $2, $3, $4, $5)",
        *(owner, webhook, url, salt, digest(key)),
    )
    many = "INSERT INTO webhook_deliveries (webhook_id) SELECT $1 FROM generate_series(1, $2)"
    await engine.postgres.execute(many, webhook, count)


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


async def test_receivers_that_take_long_leave_room_whoever_has_them(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WEBHOOKS", 2)
    answered = asyncio.Event()

    async def slow(_: Message) -> int:
        await answered.wait()
        return 200

    async with receiving() as held, receiving() as quick:
        held.answer = slow
        for owner in range(6):
            await waiting_test(engine, f"slow-{owner}", held.url)
        async with delivering(engine):
            await came(held, 6)
            await waiting_test(engine, "bob", quick.url)
            await came(quick, 1)
            assert await engine.postgres.fetchval("SELECT count(last_error) FROM webhooks") == 0
            answered.set()


async def test_receivers_that_take_less_than_a_second_leave_room_too(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WEBHOOKS", 2)
    monkeypatch.setattr(module, "TURN_SECONDS", 600.0)

    async def slow(_: Message) -> int:
        await asyncio.sleep(0.5)
        return 200

    async with receiving() as held, receiving() as quick:
        held.answer = slow
        for owner in range(2):
            await waiting_test(engine, f"slow-{owner}", held.url, 100)
        async with delivering(engine, at_once=1):
            await came(held, 4)
            await waiting_test(engine, "bob", quick.url)
            await came(quick, 1)


async def test_an_owner_of_whom_none_is_served_comes_before_who_has_waited_longer(engine: Engine) -> None:
    for owner in ("ann", "ann", "bob"):
        await waiting_test(engine, owner, "http://localhost:1/")
    await engine.postgres.execute("UPDATE webhooks SET served_until = now() - interval '1 s' WHERE owner = 'bob'")
    taken = await DeliveryStore(engine.postgres).take(uuid4(), 2)
    assert sorted(served.owner for served in taken) == ["ann", "bob"]


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


LATER = "interval '10 minutes'"


@pytest.mark.parametrize(
    "left", ["webhooks SET delivered_at = now()", "webhook_deliveries SET created_at = created_at"]
)
async def test_after_the_clock_was_set_back_what_waits_is_sent(engine: Engine, left: str) -> None:
    """What a clock leaves that was set back: an attempt, or an event, of the future."""
    async with receiving() as receiver:
        await create(engine, receiver.url)
        [order] = await cancelled_orders(engine, 1)
        await engine.postgres.execute(f"UPDATE webhook_deliveries SET due_at = due_at + {LATER}")
        await engine.postgres.execute(f"UPDATE {left} + {LATER}")
        async with delivering(engine):
            await came(receiver, 2)
        assert receiver.seqs(order) == [1, 2]


async def test_a_watcher_that_has_seen_a_later_time_sends_what_waits(engine: Engine) -> None:
    async with receiving() as receiver:
        await create(engine, receiver.url)
        async with delivering(engine) as deliverer:
            [order] = await cancelled_orders(engine, 1)
            await came(receiver, 2)
            await released(engine)
            await engine.http.post(f"/api/orders/{(await engine.place())['orderId']}/cancel")
            await came(receiver, 4)
            await engine.postgres.execute(
                "INSERT INTO webhook_deliveries (webhook_id, order_id, seq, due_at) "
                f"SELECT id, $1, 1, now() + {LATER} FROM webhooks",
                UUID(order),
            )
            deliverer._store._clock.read(datetime.now(UTC) + timedelta(minutes=10))
            await came(receiver, 5)


@pytest.mark.parametrize("statement", [SET_BACK.replace("$1", "false"), DELETE], ids=["clock", "deleted"])
async def test_what_a_watcher_tidies_is_found_without_reading_what_waits(engine: Engine, statement: str) -> None:
    """With a million deliveries the first took 87 s, and nobody's were sent meanwhile; the second 0.3 s each second."""
    waiting, deleted = [(await create(engine, "http://localhost:9/"))["id"] for _ in range(2)]
    for webhook, count in ((waiting, 5000), (deleted, 10)):
        await engine.postgres.execute(
            """INSERT INTO webhook_deliveries (webhook_id, order_id, seq, due_at)
               SELECT $1, gen_random_uuid(), 1, now() + interval '1 hour' FROM generate_series(1, $2::int)""",
            *(UUID(webhook), count),
        )
    await engine.http.delete(f"/api/webhooks/{deleted}")
    await engine.postgres.execute("VACUUM ANALYZE webhooks, webhook_deliveries")
    plan = await engine.postgres.fetch("EXPLAIN " + statement)
    first = next(row[0] for row in plan if "Scan" in row[0] and "webhook_deliveries" in row[0])
    assert "Index" in first, plan
