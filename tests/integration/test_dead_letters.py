"""A failed order is listed with its reason, can be retried once, and is acknowledged but never deleted."""

import asyncio
from typing import Any

import httpx
from pydantic import BaseModel

from app.access.authentication import Authenticator, Caller
from app.api.routes.dead_letters import Cleared, DeadLetters, DeadLetterStats
from app.api.routes.failure_drill import FailureDrill
from tests.engine import Engine, eventually, running_engine


async def letters(engine: Engine, count: int, **query: Any) -> list[dict[str, Any]]:
    """The dead letters, once there are `count` of them."""

    async def there() -> dict[str, Any] | None:
        page = (await engine.http.get("/api/dlq/failed-orders", params=query)).json()
        return page if page["count"] == count else None

    return (await eventually(there))["failedOrders"]  # type: ignore[no-any-return, index]


async def fail_orders(engine: Engine, count: int = 5) -> list[str]:
    """The ids of `count` orders that failed."""
    await engine.start_worker(retry_base_seconds=0.01)
    for _ in range(count // 5):
        assert (await engine.http.post("/test/dlq/bulk")).status_code == 202
    for _ in range(count % 5):
        assert (await engine.http.post("/test/dlq")).status_code == 202
    return [letter["orderId"] for letter in await letters(engine, count)]


async def test_a_dead_letter_has_the_order_and_the_reason_under_both_names(engine: Engine) -> None:
    await fail_orders(engine, 1)
    (letter,) = await letters(engine, 1)
    order = await engine.order(letter["id"])
    assert letter["orderId"] == letter["order_id"] == order["orderId"]
    assert letter["originalOrder"] == letter["original_order"]
    assert letter["original_order"] == {
        "id": order["orderId"],
        "tokenIn": "SOL",
        "tokenOut": "USDC",
        "amount": 1,
        "type": "market",
        "slippage": 0.005,
        "slippageBps": 50,
        "venues": ["unavailable"],
        "clientOrderId": "dead-letter-test",
        "createdAt": order["createdAt"],
    }
    assert letter["failureReason"] == letter["failure_reason"] == order["code"] == "venue_unavailable"
    assert letter["attemptsMade"] == letter["attempts_made"] == 3
    assert letter["failedAt"] == letter["failed_at"] == order["events"][-1]["at"]
    assert letter["lastError"] == letter["last_error"] == order["error"]

    shapes: list[tuple[str, str, type[BaseModel]]] = [
        ("GET", "/api/dlq/failed-orders", DeadLetters),
        ("GET", "/api/dlq/stats", DeadLetterStats),
        ("DELETE", "/api/dlq/clear", Cleared),
        ("POST", "/test/dlq/bulk", FailureDrill),
    ]
    for method, path, shape in shapes:
        answer = (await engine.http.request(method, path)).json()
        assert answer.keys() == shape.model_fields.keys(), path
        read = shape.model_validate(answer)
        if isinstance(read, DeadLetters):
            (letter,) = answer["failedOrders"]
            assert letter.keys() == type(read.failedOrders[0]).model_fields.keys()
            assert letter["originalOrder"].keys() == type(read.failedOrders[0].originalOrder).model_fields.keys()


async def test_only_failed_orders_are_dead_letters_and_pages_list_each_once(engine: Engine) -> None:
    failed = await fail_orders(engine, 7)
    confirmed = await engine.place()
    await engine.read_stream(confirmed["orderId"])
    seen, cursor = [], None
    while True:
        page = await engine.http.get(
            "/api/dlq/failed-orders", params={"limit": 3} | ({"cursor": cursor} if cursor else {})
        )
        seen += [letter["orderId"] for letter in page.json()["failedOrders"]]
        if not (cursor := page.json()["nextCursor"]):
            break
    assert seen == failed
    stats = (await engine.http.get("/api/dlq/stats")).json()
    assert (stats["totalFailed"], stats["byReason"]) == (7, {"venue_unavailable": 7})
    assert stats["oldestFailedAt"] <= stats["newestFailedAt"]


async def test_clearing_acknowledges_and_keeps_the_history(engine: Engine) -> None:
    failed = await fail_orders(engine)
    logs = [(await engine.order(order))["events"] for order in failed]
    for path in ("/api/dlq/clear", "/api/dlq/clear/failed"):
        assert (await engine.http.delete(path)).json()["clearedCount"] == (5 if path.endswith("clear") else 0)
    assert await letters(engine, 0) == []
    assert (await engine.http.get("/api/dlq/stats")).json()["totalFailed"] == 0
    assert [(await engine.order(order))["events"] for order in failed] == logs
    listed = (await engine.http.get("/api/orders?status=failed")).json()["orders"]
    assert {order["orderId"] for order in listed} == set(failed)
    new = (await engine.http.post("/test/dlq")).json()["orderId"]
    assert [letter["orderId"] for letter in await letters(engine, 1)] == [new]  # it failed after the acknowledgement


async def test_a_drill_of_which_a_part_is_refused_says_which(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=400) as engine:  # an order is worth about 150
        answer = await engine.http.post("/test/dlq/bulk")
        drill = answer.json()
        assert (answer.status_code, drill["success"]) == (202, False)
        FailureDrill.model_validate(drill)
        stored = await engine.postgres.fetch("SELECT id::text FROM orders")
        assert 0 < drill["count"] < 5
        assert {row["id"] for row in stored} == set(drill["orderIds"]) == {one["orderId"] for one in drill["orders"]}
        assert [one["code"] for one in drill["refused"]] == ["risk_limit"] * (5 - drill["count"])
        nothing = await engine.http.post("/test/dlq/bulk")
        assert (nothing.status_code, nothing.json()["code"]) == (429, "risk_limit")

        async def outcomes() -> list[tuple[str, dict[str, Any]]] | None:
            entries = (await engine.http.get("/api/audit")).json()["entries"]
            ended = [(one["outcome"], one["details"]) for one in entries if one["outcome"] != "begun"]
            return ended if len(ended) == 2 else None

        assert await eventually(outcomes) == [
            ("risk_limit", {"orders": 5, "placed": 0, "refused": "risk_limit"}),
            ("done", {"orders": 5, "placed": drill["count"], "refused": "risk_limit"}),
        ]


async def test_a_retry_is_a_new_order_that_refers_to_the_old_one(engine: Engine) -> None:
    # No venue can pay that much, so the order fails. Its retry has the same fields.
    await engine.start_worker(retry_base_seconds=0.01)
    body: dict[str, Any] = {
        "minAmountOut": "1000000",
        "venues": ["raydium"],
        "slippageBps": 7,
        "maxPriceImpactBps": 90,
        "clientOrderId": "a",
    }
    old = await engine.place(**body, expiresInSeconds=60)
    assert (await engine.read_stream(old["orderId"])).statuses[-1] == "failed"
    answer = await engine.http.post(f"/api/dlq/{old['orderId']}/retry")
    assert answer.status_code == 202
    assert answer.json()["retryOf"] == old["orderId"]
    assert answer.json()["orderId"] != old["orderId"]
    await engine.read_stream(answer.json()["orderId"])
    before, after = await engine.order(old["orderId"]), await engine.order(answer.json()["orderId"])
    fields = ("orderType", "tokenIn", "tokenOut", "amount", *body)
    assert [before[name] for name in fields] == [after[name] for name in fields]
    assert (before["retryOf"], after["retryOf"]) == (None, old["orderId"])
    assert after["expiresAt"] > before["expiresAt"]
    assert (before["timeInForce"], after["timeInForce"]) == ("gtd", "gtd")
    assert before["status"] == "failed"
    owners = await engine.postgres.fetch("SELECT DISTINCT owner FROM orders")
    assert [row["owner"] for row in owners] == ["local"]


async def test_repeated_retries_of_a_dead_letter_place_one_order(engine: Engine) -> None:
    (failed,) = await fail_orders(engine, 1)
    answers = await asyncio.gather(*(engine.http.post(f"/api/dlq/{failed}/retry") for _ in range(10)))
    assert len({answer.json()["orderId"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [202]
    second = answers[0].json()["orderId"]
    await engine.read_stream(second)
    # The retry failed too, so it is a dead letter itself and can be retried.
    third = await engine.http.post(f"/api/dlq/{second}/retry")
    assert third.status_code == 202
    assert third.json()["retryOf"] == second


async def test_only_failed_orders_are_retried(engine: Engine) -> None:
    waiting = (await engine.place())["orderId"]
    assert await retried(engine, waiting) == (409, "not_failed")
    await engine.http.post(f"/api/orders/{waiting}/cancel")
    assert await retried(engine, waiting) == (409, "not_failed")
    await engine.start_worker()
    done = (await engine.place())["orderId"]
    await engine.read_stream(done)
    assert await retried(engine, done) == (409, "not_failed")
    assert await retried(engine, "01a1fcdd-4c14-773b-8d77-909b122b0037") == (404, "unknown_order")
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 2


async def retried(engine: Engine, order: str) -> tuple[int, str]:
    answer = await engine.http.post(f"/api/dlq/{order}/retry")
    return answer.status_code, answer.json()["code"]


async def test_only_the_failure_drill_can_use_the_venue_that_is_always_down(engine: Engine) -> None:
    answer = await engine.http.post(
        "/api/orders/execute", json={"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1, "venues": ["unavailable"]}
    )
    assert answer.status_code == 422
    assert "unavailable" not in (await engine.http.get("/api/pools")).text
    assert "unavailable" not in (await engine.http.get("/api/quotes?tokenIn=SOL&tokenOut=USDC&amount=1")).text


async def test_dead_letters_and_failure_drills_are_for_operators(engine: Engine, monkeypatch: Any) -> None:
    (failed,) = await fail_orders(engine, 1)

    async def answers() -> list[httpx.Response]:
        return [
            await engine.http.request(method, path)
            for method, path in [
                ("GET", "/api/dlq/failed-orders"),
                ("GET", "/api/dlq/stats"),
                ("POST", f"/api/dlq/{failed}/retry"),
                ("DELETE", "/api/dlq/clear"),
                ("DELETE", "/api/dlq/clear/failed"),
                ("POST", "/test/dlq"),
                ("POST", "/test/dlq/bulk"),
            ]
        ]

    monkeypatch.setattr(Authenticator, "authenticate", lambda *_: Caller("somebody", operator=False))
    refused = await answers()
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(403, "operators_only")] * 7
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE acknowledged_at IS NULL") == 1

    # A retry by an operator belongs to the owner of the order. Lists can be limited to one owner.
    monkeypatch.setattr(Authenticator, "authenticate", lambda *_: Caller("ops", operator=True))
    assert await letters(engine, 0, owner="ops") == []
    assert len(await letters(engine, 1, owner="local")) == 1
    assert (await engine.http.delete("/api/dlq/clear", params={"owner": "ops"})).json()["clearedCount"] == 0
    made = (await engine.http.post(f"/api/dlq/{failed}/retry")).json()["orderId"]
    assert await engine.postgres.fetchval("SELECT owner FROM orders WHERE id = $1", made) == "local"


async def test_a_limit_order_that_failed_waits_again_when_it_is_retried(engine: Engine) -> None:
    order = (await engine.place(orderType="limit", limitPrice="100000"))["orderId"]
    await engine.postgres.execute("UPDATE orders SET status = 'failed', code = 'rpc_timeout'; DELETE FROM triggers")
    retried = (await engine.http.post(f"/api/dlq/{order}/retry")).json()
    assert (retried["status"], retried["retryOf"]) == ("open", order)
    await engine.http.put("/api/kill-switch", json={"state": "halted", "reason": "a test"})
    again = await engine.http.post(f"/api/dlq/{order}/retry")
    assert (again.status_code, again.json()["orderId"]) == (200, retried["orderId"])
    assert await engine.postgres.fetchval("SELECT base_level FROM triggers") == 100_000
    floors = await engine.postgres.fetch("SELECT DISTINCT limit_out FROM orders")
    assert len(floors) == 1


async def test_an_order_of_a_group_is_not_retried_alone(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    await engine.postgres.execute("UPDATE orders SET status = 'failed', group_id = gen_random_uuid()")
    assert (await engine.http.post(f"/api/dlq/{order}/retry")).json()["code"] == "group_member"
