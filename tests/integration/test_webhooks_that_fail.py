"""Deliveries that do not arrive: for three days, or because the webhook is gone; and sending them after all."""

import pytest

from tests.engine import Engine, eventually
from tests.integration.delivering import DUE, FREE, Refusing, came, cancelled_orders, delivering, released, shown
from tests.integration.test_webhooks import call, create, deliveries
from tests.receiver import Receiver

pytestmark = pytest.mark.usefixtures("primed_queue", "no_attempt_by_itself")

THREE_DAYS = (
    "UPDATE webhook_deliveries SET first_at = first_at - interval '3 days', due_at = now() WHERE first_at < now()"
)


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
        await engine.postgres.execute(f"{DUE} + interval '11 hours'")
        await released(engine)  # a turn that ends after the next statement would pause the webhook for a minute
        receiver.answer = Refusing()
        await engine.postgres.execute(f"{FREE}, failing_since = now() - interval '4 hours'")
        await engine.place()
        await shown(engine, waiting=0, failingSince=None)


async def test_a_webhook_that_is_gone_is_switched_off_at_once(engine: Engine, receiver: Receiver) -> None:
    await create(engine, receiver.url)
    receiver.answer = Refusing(((await engine.place())["orderId"], 1), status=410)
    async with delivering(engine):
        assert (await shown(engine, enabled=False))["disabledWhy"] == "it answered 410 Gone"
