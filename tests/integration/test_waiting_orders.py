"""Orders that wait for a price: what the API accepts, stores and cancels. No watcher runs here, so none fires."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.engine import Engine, running_engine

pytestmark = pytest.mark.usefixtures("primed_queue")

PAIR: dict[str, Any] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}
LIMIT: dict[str, Any] = {**PAIR, "orderType": "limit", "limitPrice": "100000"}
STOP: dict[str, Any] = {**PAIR, "orderType": "stop", "trigger": {"price": "1"}}
TAKE_PROFIT: dict[str, Any] = {**PAIR, "orderType": "take_profit", "trigger": {"price": "100000", "persistSlots": 3}}


async def refused(engine: Engine, body: dict[str, Any]) -> tuple[int, str, list[str]]:
    return await refused_at(engine, "/api/orders/execute", body)


async def refused_at(engine: Engine, url: str, body: dict[str, Any]) -> tuple[int, str, list[str]]:
    answer = await engine.http.post(url, json=body)
    problem = answer.json()
    return answer.status_code, problem["code"], [error["pointer"] for error in problem.get("errors", [])]


async def trigger_rows(engine: Engine) -> list[dict[str, Any]]:
    return [dict(row) for row in await engine.postgres.fetch("SELECT * FROM triggers ORDER BY order_id")]


async def test_a_limit_order_is_open_and_has_a_trigger(engine: Engine) -> None:
    answer = await engine.http.post("/api/orders/execute", json=LIMIT)
    assert answer.status_code == 202
    placed = answer.json()
    assert (placed["status"], placed["trigger"]["price"]) == ("open", "100000")
    assert placed["trigger"]["distanceBps"] > 0
    order = await engine.order(placed["orderId"])
    assert [event["status"] for event in order["events"]] == ["open"]
    assert (order["limitPrice"], order["timeInForce"], order["expiresAt"]) == ("100000", "gtc", None)
    [row] = await trigger_rows(engine)
    assert (row["feed"], row["op"], row["persist"], row["level"]) == ("SOL/USDC", "ge", 0, Decimal(100_000))
    floor = await engine.postgres.fetchval("SELECT limit_out FROM orders")
    assert floor == 150_000_000_000  # 1.5 SOL at 100,000 USDC


async def test_a_stop_waits_for_a_fall_and_a_take_profit_for_a_rise(engine: Engine) -> None:
    for body in (STOP, TAKE_PROFIT):
        assert (await engine.place(**body))["trigger"]["distanceBps"] > 0
    stop, profit = await trigger_rows(engine)
    assert (stop["op"], stop["persist"], stop["level"], stop["rank"]) == ("le", 2, Decimal(1), 0)
    assert (profit["op"], profit["persist"], profit["level"], profit["rank"]) == ("ge", 3, Decimal(100_000), 1)
    floors = await engine.postgres.fetch("SELECT limit_out FROM orders ORDER BY id")
    assert [row["limit_out"] for row in floors] == [1_455_000, 145_500_000_000]  # the triggers' prices less 3 %


async def test_the_same_key_places_one_order_that_waits(engine: Engine) -> None:
    headers = {"Idempotency-Key": "one"}
    first = (await engine.http.post("/api/orders/execute", json=LIMIT, headers=headers)).json()
    again = await engine.http.post("/api/orders/execute", json=LIMIT, headers=headers)
    assert (again.status_code, again.json()["orderId"], again.json()["status"]) == (200, first["orderId"], "open")
    other = await engine.http.post("/api/orders/execute", json={**LIMIT, "limitPrice": "100001"}, headers=headers)
    assert other.json()["code"] == "key_reused"
    assert len(await trigger_rows(engine)) == 1


REFUSED: list[tuple[dict[str, Any], str, list[str]]] = [
    ({**LIMIT, "limitPrice": None}, "invalid_order", ["/limitPrice"]),
    ({**LIMIT, "limitPrice": "0"}, "invalid_order", ["/limitPrice"]),
    ({**LIMIT, "trigger": {"price": "1"}}, "invalid_order", ["/trigger"]),
    ({**LIMIT, "minAmountOut": "1"}, "invalid_order", ["/minAmountOut"]),
    ({**PAIR, "limitPrice": "155"}, "invalid_order", ["/limitPrice"]),
    ({**PAIR, "orderType": "limt", "limitPrice": "155"}, "invalid_order", ["/orderType"]),
    ({**STOP, "trigger": {"price": "1", "when": "above"}}, "invalid_order", ["/trigger/when"]),
    ({**STOP, "limitPrice": "2"}, "invalid_order", ["/limitPrice"]),
    ({**STOP, "timeInForce": "ioc"}, "invalid_order", ["/timeInForce"]),
    ({**LIMIT, "timeInForce": "gtd"}, "invalid_order", ["/expiresAt"]),
    ({**LIMIT, "timeInForce": "ioc", "expiresInSeconds": 60}, "invalid_order", ["/expiresInSeconds"]),
    ({**LIMIT, "expiresAt": "2020-01-01T00:00:00Z"}, "invalid_order", ["/expiresAt"]),
    ({**LIMIT, "expiresAt": 1_900_000_000}, "invalid_order", ["/expiresAt"]),
    ({**LIMIT, "limitPrice": "1"}, "price_band", ["/limitPrice"]),
    ({**STOP, "trigger": {"price": "100000"}}, "would_trigger_immediately", ["/trigger/price"]),
    ({**TAKE_PROFIT, "trigger": {"price": "1"}}, "would_trigger_immediately", ["/trigger/price"]),
    ({**LIMIT, "amount": "0.001"}, "min_notional", ["/amount"]),
]


async def test_what_cannot_wait_is_refused(engine: Engine) -> None:
    for body, code, pointers in REFUSED:
        body = {name: value for name, value in body.items() if value is not None}
        assert await refused(engine, body) == (422, code, pointers), body
    assert await trigger_rows(engine) == []


async def test_a_price_far_from_the_market_is_accepted_if_it_is_meant(engine: Engine) -> None:
    answer = await engine.http.post("/api/orders/execute", json={**LIMIT, "limitPrice": "1", "acknowledgePrice": True})
    assert answer.status_code == 202


async def test_an_order_that_waits_is_cancelled_with_its_trigger(engine: Engine) -> None:
    order = (await engine.http.post("/api/orders/execute", json=LIMIT)).json()["orderId"]
    cancelled = await engine.http.post(f"/api/orders/{order}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"], cancelled.json()["code"]) == (200, "cancelled", "owner")
    assert (await engine.read_stream(order)).statuses == ["open", "cancelled"]
    assert await trigger_rows(engine) == []


async def test_an_end_is_stored_as_a_moment_or_from_now(engine: Engine) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    for body in ({**LIMIT, "expiresAt": moment.isoformat()}, {**LIMIT, "expiresInSeconds": 3600}):
        placed = (await engine.http.post("/api/orders/execute", json=body)).json()
        order = await engine.order(placed["orderId"])
        assert order["timeInForce"] == "gtd"
        assert abs(datetime.fromisoformat(order["expiresAt"]) - moment) < timedelta(seconds=20)


async def test_an_owner_has_a_limited_number_of_orders_that_wait(
    postgres_dsn: str, redis_dsn: str, primed_queue: None
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_open_per_owner=3) as engine:
        for n in range(3):
            await engine.place(**LIMIT, clientOrderId=str(n))
        assert await refused(engine, LIMIT) == (429, "too_many_open", [])
        assert (await engine.http.post("/api/orders/execute", json=PAIR)).status_code == 202  # it does not wait


async def test_a_batch_may_hold_orders_of_every_type(engine: Engine) -> None:
    orders = [PAIR, LIMIT, {**STOP, "idempotencyKey": "stop"}, TAKE_PROFIT, {**LIMIT, "amount": "0"}]
    results = (await engine.http.post("/api/orders/batch", json={"orders": orders})).json()["results"]
    assert [result["status"] for result in results] == ["pending", "open", "open", "open", 422]
    assert len(await trigger_rows(engine)) == 3
