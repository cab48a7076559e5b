"""Deliveries: at least once, and in the order of each order's events."""

import asyncio
from uuid import UUID

import pytest

from app.webhooks import deliverer as module
from app.webhooks.deliveries import DeliveryStore
from tests.engine import Engine, eventually
from tests.integration.delivering import DUE, FREE, Refusing, came, cancelled_orders, delivering, released, shown
from tests.integration.test_webhooks import call, create
from tests.receiver import Message, Receiver
from tests.unit.webhooks.test_signing import is_genuine

pytestmark = pytest.mark.usefixtures("primed_queue", "no_attempt_by_itself")


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


async def test_events_behind_one_that_waits_for_an_earlier_one_wait_too(engine: Engine, receiver: Receiver) -> None:
    """The first one had failed, and no watcher had looked for a while: [1, 3, 2] came."""
    await create(engine, receiver.url)
    order = (await engine.place(orderType="limit", limitPrice="1000", acknowledgePrice=True))["orderId"]
    for seq in (1, 2):
        await engine.http.patch(
            f"/api/orders/{order}", json={"limitPrice": str(1000 + seq)}, headers={"If-Match": f'"{seq}"'}
        )
    await engine.postgres.execute(f"{DUE} - CASE seq WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 1 END * interval '1 s'")
    async with delivering(engine):
        await shown(engine, waiting=0)
    assert receiver.seqs(order) == [1, 2, 3]


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
