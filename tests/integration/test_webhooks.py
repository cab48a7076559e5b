"""Webhooks as their owners see them, and the deliveries that events leave for them."""

from typing import Any
from uuid import UUID

import pytest

from app.maintenance import prune
from app.maintenance.prune import Pruned
from app.watcher.main import watcher
from app.webhooks.deliveries import DeliveryStore
from tests.engine import SELL_SOL, Engine, eventually
from tests.integration.test_access import Guarded, guarded
from tests.integration.test_slices import DCA
from tests.integration.test_waiting_orders import LIMIT, STOP, TAKE_PROFIT
from tests.receiver import receiving

__all__ = ["guarded"]
pytestmark = pytest.mark.usefixtures("primed_queue")

URL = "https://bot.example.com/engine?token=of-the-receiver"
EVENTS = "SELECT order_id, seq FROM order_events ORDER BY order_id, seq"
DELIVERIES = "SELECT order_id, seq FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY order_id, seq"


async def create(engine: Engine, url: str = URL, **fields: Any) -> dict[str, Any]:
    answer = await engine.http.post("/api/webhooks", json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def listed(engine: Engine) -> list[dict[str, Any]]:
    return (await engine.http.get("/api/webhooks")).json()["webhooks"]  # type: ignore[no-any-return]


async def call(engine: Engine, webhook: dict[str, Any], what: str) -> tuple[int, dict[str, Any]]:
    answer = await engine.http.post(f"/api/webhooks/{webhook['id']}/{what}")
    return answer.status_code, answer.json()


async def deliveries(engine: Engine, webhook: dict[str, Any]) -> list[tuple[str, int]]:
    return [(str(row[0]), row[1]) for row in await engine.postgres.fetch(DELIVERIES, UUID(webhook["id"]))]


async def test_the_secret_is_shown_once_and_not_stored(engine: Engine) -> None:
    made = await create(engine, description="the ledger", statuses=["confirmed", "failed", "confirmed"])
    assert made["secret"].startswith("whsec_")
    [shown] = await listed(engine)
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    assert (shown["url"], shown["statuses"], shown["enabled"]) == (URL, ["confirmed", "failed"], True)
    stored = await engine.postgres.fetchrow("SELECT * FROM webhooks")
    assert made["secret"] not in str(stored)


async def test_every_statement_that_logs_an_event_leaves_a_delivery(engine: Engine) -> None:
    webhook = await create(engine)
    await engine.start_worker()
    confirmed = (await engine.place())["orderId"]
    assert (await engine.read_stream(confirmed)).statuses[-1] == "confirmed"
    failed = (await engine.http.post("/test/dlq")).json()["orderId"]
    limit = (await engine.place(**LIMIT))["orderId"]
    amended = await engine.http.patch(f"/api/orders/{limit}", json={"limitPrice": "100001"}, headers={"If-Match": "1"})
    assert amended.status_code == 200, amended.text
    group = {"type": "oco", "legs": [TAKE_PROFIT, STOP]}
    assert (await engine.http.post("/api/order-groups", json=group)).status_code == 202
    plan = (await engine.place(**DCA))["orderId"]
    assert (await engine.http.post(f"/api/orders/{plan}/cancel")).status_code == 200
    assert (await engine.read_stream(failed)).statuses[-1] == "failed"
    assert (await engine.http.post("/api/orders/cancel-all", json={})).json()["cancelled"] >= 3
    logged = [(str(row[0]), row[1]) for row in await engine.postgres.fetch(EVENTS)]
    assert await deliveries(engine, webhook) == logged
    assert len(logged) > 15


async def test_only_the_chosen_events_of_the_owner_leave_a_delivery(guarded: Guarded) -> None:
    async def made(who: str, **fields: Any) -> dict[str, Any]:
        answer = await guarded.request(who, "POST", "/api/webhooks", json={"url": URL, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    everything, ends = await made("a"), await made("a", statuses=["cancelled"])
    others = await made("b")
    order = (await guarded.place("a"))["orderId"]
    await guarded.request("a", "POST", f"/api/orders/{order}/cancel")
    assert await deliveries(guarded.engine, everything) == [(order, 1), (order, 2)]
    assert await deliveries(guarded.engine, ends) == [(order, 2)]
    assert await deliveries(guarded.engine, others) == []
    path = f"/api/webhooks/{everything['id']}"
    for method, of in (("DELETE", ""), ("POST", "/rotate"), ("POST", "/test"), ("POST", "/replay")):
        answer = await guarded.request("b", method, path + of)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_webhook"), of
    assert (await guarded.request("b", "GET", f"{path}/deliveries")).status_code == 404
    assert len((await guarded.request("b", "GET", "/api/webhooks")).json()["webhooks"]) == 1
    local = await guarded.request("a", "POST", "/api/webhooks", json={"url": "http://localhost:9000/"})
    assert local.json()["errors"][0]["pointer"] == "/url"


async def test_what_changes_a_webhook_is_on_the_audit_log_without_its_url(engine: Engine) -> None:
    webhook = await create(engine)
    assert (await call(engine, webhook, "rotate"))[1]["previousSecretUntil"] is not None
    assert await call(engine, webhook, "replay") == (200, {"replayed": 0})
    assert (await engine.http.delete(f"/api/webhooks/{webhook['id']}")).json() == {"id": webhook["id"], "deleted": True}
    assert await listed(engine) == []
    assert (await engine.http.delete(f"/api/webhooks/{webhook['id']}")).status_code == 404
    entries = (await engine.http.get("/api/audit")).json()["entries"]
    assert [one["action"] for one in entries] == [f"webhook.{did}" for did in ("delete", "replay", "rotate", "create")]
    assert {one["details"]["webhook"] for one in entries} == {webhook["id"]}
    assert "of-the-receiver" not in str(entries)


async def test_an_owner_has_ten_webhooks(engine: Engine) -> None:
    first = await create(engine)
    for _ in range(9):
        await create(engine)
    refused = await engine.http.post("/api/webhooks", json={"url": URL})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_webhooks")
    await engine.http.delete(f"/api/webhooks/{first['id']}")
    await create(engine)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({}, "/url"),
    ({"url": "https://10.0.0.1/"}, "/url"),
    ({"url": 7}, "/url"),
    ({"url": URL, "statuses": ["filled"]}, "/statuses/0"),
    ({"url": URL, "statuses": []}, "/statuses"),
    ({"url": URL, "secret": "mine"}, "/secret"),
]


async def test_a_webhook_that_is_refused(engine: Engine) -> None:
    for body, pointer in REFUSED:
        answer = await engine.http.post("/api/webhooks", json=body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), body


async def test_a_deleted_webhook_leaves_nothing(engine: Engine, postgres_dsn: str) -> None:
    webhook, other = await create(engine), await create(engine)
    order = (await engine.place())["orderId"]
    await engine.http.delete(f"/api/webhooks/{webhook['id']}")
    await engine.http.post(f"/api/orders/{order}/cancel")
    assert await deliveries(engine, webhook) == [(order, 1)]
    store = DeliveryStore(engine.postgres)
    await store.tidy()
    assert await deliveries(engine, webhook) == []
    assert await deliveries(engine, other) == [(order, 1), (order, 2)]
    # A statement that saw the webhook may still write a delivery, so its row stays for a minute. Its URL is gone.
    assert await engine.postgres.fetchval("SELECT count(*) FROM webhooks WHERE url = ''") == 1
    await engine.postgres.execute("UPDATE webhooks SET deleted_at = now() - interval '2 minutes' WHERE url = ''")
    await store.tidy()
    assert [row[0] for row in await engine.postgres.fetch("SELECT id FROM webhooks")] == [UUID(other["id"])]


async def test_prune_deletes_old_deliveries(engine: Engine, postgres_dsn: str) -> None:
    webhook = await create(engine)
    old, new = [(await engine.place())["orderId"] for _ in range(2)]
    old_one = "UPDATE webhook_deliveries SET created_at = now() - interval '91 days' WHERE order_id = $1"
    await engine.postgres.execute(old_one, UUID(old))
    for dry_run, left in ((True, 2), (False, 1)):
        counts = Pruned()
        await prune.prune(postgres_dsn, 90, counts, dry_run=dry_run)
        assert counts.webhook_deliveries == 1
        assert len(await deliveries(engine, webhook)) == left
    assert await deliveries(engine, webhook) == [(new, 1)]


async def test_a_watcher_sends_what_a_worker_has_logged(engine: Engine) -> None:
    async with receiving() as receiver, watcher(engine.settings):
        webhook = await create(engine, receiver.url)
        await engine.start_worker()
        order = (await engine.place(clientOrderId="mine"))["orderId"]
        stream = await engine.read_stream(order)

        async def all_taken() -> bool:
            return len(receiver.taken) == len(stream.events)

        await eventually(all_taken)
        assert [message.type for message in receiver.messages] == [f"order.{status}" for status in stream.statuses]
        terms = {"orderType": "market", "tokenIn": "SOL", "tokenOut": "USDC", "clientOrderId": "mine"}
        assert [message.data for message in receiver.messages] == [terms | event for event in stream.log]

        assert (await call(engine, webhook, "test"))[0] == 202

        async def tested() -> bool:
            return receiver.messages[-1].type == "webhook.test"

        await eventually(tested)

        async def nothing_waits() -> bool:
            [shown] = await listed(engine)
            return shown["waiting"] == 0 and shown["lastDeliveredAt"] is not None

        await eventually(nothing_waits)


async def test_an_order_is_placed_while_nobody_may_look_at_webhooks(engine: Engine) -> None:
    """Changing one takes no lock that an event waits for."""
    await create(engine)
    async with engine.postgres.acquire() as connection, connection.transaction():
        await connection.execute("UPDATE webhooks SET failing_since = now()")
        await connection.execute("SELECT FROM webhooks FOR UPDATE")
        assert (await engine.http.post("/api/orders/execute", json=SELL_SOL)).status_code == 202
