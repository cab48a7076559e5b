"""Deliveries: at least once, in the order of each order's events, and what becomes of those that do not arrive."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.postgres import DatabaseUnavailable, fetch, open_postgres
from app.webhooks import backoff, store
from app.webhooks import deliverer as module
from app.webhooks.deliverer import Deliverer
from app.webhooks.deliveries import DeliveryStore
from app.webhooks.sender import Sender
from app.webhooks.signing import Secrets
from tests.engine import Engine, eventually
from tests.integration.test_webhooks import call, create, deliveries, listed
from tests.receiver import Message, Receiver, receiving
from tests.unit.webhooks.test_signing import is_genuine

pytestmark = pytest.mark.usefixtures("primed_queue")

DUE = "UPDATE webhook_deliveries SET due_at = now()"
THREE_DAYS = (
    "UPDATE webhook_deliveries SET first_at = first_at - interval '3 days', due_at = now() WHERE first_at < now()"
)
FREE = "UPDATE webhooks SET served_until = now()"


@contextlib.asynccontextmanager
async def delivering(
    engine: Engine, *, at_once: int = 5, per_second: int = 1000, secret: str | None = None
) -> AsyncIterator[Deliverer]:
    """What a watcher does, with hardly any time between two rounds."""
    postgres = await open_postgres(engine.settings.postgres_dsn or "", size=10)
    secrets = Secrets(secret) if secret else Secrets.of(engine.settings)
    deliverer = Deliverer(
        DeliveryStore(postgres.internal), Sender(local=True), secrets, at_once=at_once, per_second=per_second
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


@pytest.fixture(autouse=True)
def _no_attempt_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a delivery that failed waits until the test says that it is due."""
    monkeypatch.setattr(backoff, "FIRST_WAIT", 3_600.0)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


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


async def test_messages_are_signed_and_come_in_the_order_of_each_orders_events(
    engine: Engine, receiver: Receiver
) -> None:
    webhook = await create(engine, receiver.url)
    orders = await cancelled_orders(engine, 5)
    async with delivering(engine):
        await came(receiver, 10)
        await shown(engine, waiting=0)
    for order in orders:
        assert receiver.seqs(order) == [1, 2]
    for message in receiver.messages:
        assert is_genuine()(webhook["secret"], message.headers, message.body)
    assert len({message.id for message in receiver.messages}) == 10


async def test_a_refused_event_holds_up_its_order_alone_and_is_sent_again_under_the_same_id(
    engine: Engine, receiver: Receiver
) -> None:
    await create(engine, receiver.url)
    bad, good = await cancelled_orders(engine, 2)
    receiver.answer = Refusing((bad, 1))
    async with delivering(engine):
        await shown(engine, waiting=2, lastError="HTTP 500")
        assert (receiver.seqs(bad), receiver.seqs(good)) == ([1], [1, 2])
        # The event behind it is put off as well.
        later = "SELECT min(due_at) > now() + interval '10 minutes' FROM webhook_deliveries"
        await eventually(lambda: engine.postgres.fetchval(later))
        receiver.answer = Refusing()
        await engine.postgres.execute(DUE)
        await shown(engine, waiting=0, failingSince=None)
    assert receiver.seqs(bad) == [1, 1, 2]
    first, again = (one for one in receiver.messages if one.event == (bad, 1))
    assert (first.id, first.body) == (again.id, again.body)


async def test_an_event_that_became_due_before_an_earlier_one_waits_for_it(engine: Engine, receiver: Receiver) -> None:
    await create(engine, receiver.url)
    [order] = await cancelled_orders(engine, 1)
    await engine.postgres.execute(f"{DUE} + interval '1.5 s' WHERE seq = 1")
    async with delivering(engine):
        await shown(engine, waiting=0)
    assert receiver.seqs(order) == [1, 2]


async def test_a_webhook_where_nothing_arrives_for_three_days_is_switched_off_and_replayed(
    engine: Engine, receiver: Receiver
) -> None:
    webhook = await create(engine, receiver.url)
    orders = await cancelled_orders(engine, 2)
    receiver.answer = Refusing(*[(order, 1) for order in orders])
    async with delivering(engine):
        await shown(engine, lastError="HTTP 500")
        await came(receiver, 2)
        await eventually(lambda: engine.postgres.fetchval("SELECT count(first_at) = 2 FROM webhook_deliveries"))
        await released(engine)
        await engine.postgres.execute(f"{FREE}, failing_since = failing_since - interval '3 days'")
        await engine.postgres.execute(THREE_DAYS)
        off = await shown(engine, enabled=False)
        assert off["disabledWhy"] == "nothing has arrived for three days"
        entries = (await engine.http.get("/api/audit?action=webhook.disabled")).json()["entries"]
        assert [one["details"]["webhook"] for one in entries] == [webhook["id"]]
        assert (await call(engine, webhook, "test"))[1]["code"] == "webhook_disabled"
        await engine.place()
        assert len(await deliveries(engine, webhook)) == 4  # no more are kept for it
        receiver.answer = Refusing()
        failed = (await engine.http.get(f"/api/webhooks/{webhook['id']}/deliveries")).json()["deliveries"]
        assert failed
        assert {one["lastError"] for one in failed} == {"HTTP 500"}
        assert (await call(engine, webhook, "replay"))[1] == {"replayed": len(failed)}
        await shown(engine, enabled=True, waiting=0, failed=0)
    for order in orders:
        assert receiver.seqs(order)[-2:] == [1, 2]
    taken = {message.id for message in receiver.taken}
    assert {one["messageId"] for one in failed} <= taken


async def test_a_replay_never_makes_an_event_due_while_one_before_it_is_given_up(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watcher may look after each of its statements."""
    webhook = await create(engine, receiver.url)
    [order] = await cancelled_orders(engine, 1)
    await engine.postgres.execute("UPDATE webhooks SET disabled_at = now(), disabled_why = 'by the test'")
    await engine.postgres.execute(f"{DUE} + interval '1 hour', given_up_at = CASE seq WHEN 1 THEN now() END")
    overtaking = """SELECT count(*) FROM webhook_deliveries d JOIN webhook_deliveries before USING (order_id)
                     WHERE d.given_up_at IS NULL AND d.due_at <= now()
                       AND before.seq < d.seq AND before.given_up_at IS NOT NULL"""
    seen = []

    async def looked_after(pool: asyncpg.Pool, query: str, *arguments: Any) -> list[asyncpg.Record]:
        rows = await fetch(pool, query, *arguments)
        seen.append(await engine.postgres.fetchval(overtaking))
        return rows

    monkeypatch.setattr(store, "fetch", looked_after)
    assert (await call(engine, webhook, "replay"))[1] == {"replayed": 1}
    assert seen
    assert set(seen) == {0}
    async with delivering(engine):
        await shown(engine, enabled=True, waiting=0)
    assert receiver.seqs(order) == [1, 2]


async def test_an_event_that_is_refused_for_three_days_is_given_up_and_the_next_one_follows(
    engine: Engine, receiver: Receiver
) -> None:
    await create(engine, receiver.url)
    bad, _ = await cancelled_orders(engine, 2)
    receiver.answer = Refusing((bad, 1))
    async with delivering(engine):
        await shown(engine, waiting=2)
        await released(engine)
        await engine.postgres.execute("UPDATE webhooks SET failing_since = NULL")  # another event has arrived since
        await engine.postgres.execute(THREE_DAYS)
        await eventually(lambda: engine.postgres.fetchval("SELECT count(given_up_at) = 1 FROM webhook_deliveries"))
        await engine.postgres.execute(DUE)
        await shown(engine, enabled=True, waiting=0, failed=1)
    assert receiver.seqs(bad) == [1, 1, 2]


async def test_what_waits_is_sent_as_soon_as_a_webhook_answers_again(engine: Engine, receiver: Receiver) -> None:
    await create(engine, receiver.url)
    orders = await cancelled_orders(engine, 3)
    receiver.answer = Refusing(*[(order, 1) for order in orders])
    async with delivering(engine, at_once=3):
        await came(receiver, 3)
        await eventually(lambda: engine.postgres.fetchval("SELECT count(first_at) = 3 FROM webhook_deliveries"))
        await released(engine)
        receiver.answer = Refusing()
        await engine.postgres.execute(f"{DUE} + interval '11 hours'")
        await engine.postgres.execute(f"{FREE}, failing_since = now() - interval '4 hours'")
        await engine.place()
        await shown(engine, waiting=0, failingSince=None)


async def test_a_webhook_that_is_gone_is_switched_off_at_once(engine: Engine, receiver: Receiver) -> None:
    await create(engine, receiver.url)
    receiver.answer = Refusing(((await engine.place())["orderId"], 1), status=410)
    async with delivering(engine):
        assert (await shown(engine, enabled=False))["disabledWhy"] == "it answered 410 Gone"


async def test_several_watchers_share_the_webhooks_and_send_nothing_twice(engine: Engine, receiver: Receiver) -> None:
    for _ in range(4):
        await create(engine, receiver.url)
    async with delivering(engine), delivering(engine), delivering(engine):
        orders = await cancelled_orders(engine, 3)
        await came(receiver, 24)
        await eventually(lambda: engine.postgres.fetchval("SELECT count(*) = 0 FROM webhook_deliveries"))
    assert len(receiver.messages) == len({message.id for message in receiver.messages}) == 24
    assert all(receiver.seqs(order).count(1) == 4 for order in orders)


async def test_a_watcher_that_dies_after_the_answer_leaves_the_delivery_to_another(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(engine, receiver.url)
    [order] = await cancelled_orders(engine, 1)

    async def killed(*_: object) -> None:
        raise RuntimeError

    async with delivering(engine):
        with monkeypatch.context() as patched:
            patched.setattr(DeliveryStore, "record", killed)
            patched.setattr(module, "count_failure", lambda _: None)
            await came(receiver, 1)
            await asyncio.sleep(0.1)
            assert receiver.seqs(order) == [1]  # its lease lasts
        async with delivering(engine):
            await engine.postgres.execute(FREE)
            await shown(engine, waiting=0)
    assert receiver.seqs(order) == [1, 1, 2]
    assert len({message.id for message in receiver.messages}) == 2


async def test_a_watcher_that_has_lost_its_lease_sends_no_more(engine: Engine, receiver: Receiver) -> None:
    await create(engine, receiver.url)
    orders, go_on = await cancelled_orders(engine, 4), asyncio.Event()

    async def slow(_: Message) -> int:
        await go_on.wait()
        return 200

    receiver.answer = slow
    async with delivering(engine, at_once=1) as deliverer:
        await came(receiver, 1)
        await engine.postgres.execute(
            "UPDATE webhooks SET served_by = gen_random_uuid(), served_until = now() + interval '9 s'"
        )
        turns = deliverer._turns
        [turn] = turns.values()

        async def noticed() -> bool:
            return turn.ends == 0

        await eventually(noticed)
        go_on.set()

        async def ended() -> bool:
            return not turns

        await eventually(ended)
    assert len(receiver.messages) == 1
    assert receiver.messages[0].event[0] in orders


async def test_a_webhook_gets_so_many_messages_at_once_however_many_watchers_run(
    engine: Engine, receiver: Receiver
) -> None:
    await create(engine, receiver.url)
    await cancelled_orders(engine, 4)

    async def slow(_: Message) -> int:
        await asyncio.sleep(0.02)
        return 200

    receiver.answer = slow
    async with delivering(engine, at_once=2), delivering(engine, at_once=2):
        await came(receiver, 8)
    assert receiver.most_at_once == 2


async def test_a_webhook_gets_so_many_messages_per_second(engine: Engine, receiver: Receiver) -> None:
    await create(engine, receiver.url)
    await cancelled_orders(engine, 3)
    began = asyncio.get_running_loop().time()
    async with delivering(engine, per_second=20):
        await came(receiver, 6)
    assert asyncio.get_running_loop().time() - began >= 5 / 20


async def test_after_a_rotation_either_secret_is_valid_for_a_day(engine: Engine, receiver: Receiver) -> None:
    old = await create(engine, receiver.url)
    _, new = await call(engine, old, "rotate")
    check = is_genuine()
    async with delivering(engine):
        await call(engine, old, "test")
        await came(receiver, 1)
        await shown(engine, waiting=0)
        await released(engine)
        await engine.postgres.execute("UPDATE webhooks SET previous_until = now()")
        await call(engine, old, "test")
        await came(receiver, 2)
    first, second = receiver.messages
    assert [check(of["secret"], first.headers, first.body) for of in (old, new)] == [True, True]
    assert [check(of["secret"], second.headers, second.body) for of in (old, new)] == [False, True]


async def test_with_another_engine_secret_nothing_is_sent_and_a_new_secret_mends_it(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = await create(engine, receiver.url)
    await engine.place()
    async with delivering(engine, secret="another one"):
        await shown(engine, lastError=module.CANNOT_SIGN)
    assert receiver.messages == []
    await call(engine, webhook, "rotate")
    await engine.postgres.execute(FREE)
    async with delivering(engine):
        await shown(engine, waiting=0, failingSince=None)
    assert len(receiver.messages) == 1


async def test_an_event_that_is_gone_holds_up_nothing(engine: Engine, receiver: Receiver) -> None:
    await create(engine, receiver.url)
    [gone, order] = await cancelled_orders(engine, 2)
    await engine.postgres.execute("DELETE FROM order_events WHERE order_id = $1 AND seq = 1", UUID(gone))
    async with delivering(engine):
        await shown(engine, waiting=0)
    assert (receiver.seqs(gone), receiver.seqs(order)) == ([2], [1, 2])
