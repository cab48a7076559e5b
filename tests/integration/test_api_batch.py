"""Batches: many independent orders in one request."""

from typing import Any

import pytest

from app.api.problems import ProblemDocument
from tests.engine import SELL_SOL, Engine
from tests.integration.hostile import repeated_values

pytestmark = pytest.mark.usefixtures("primed_queue")


async def batch(engine: Engine, *items: Any) -> list[dict[str, Any]]:
    answer = await engine.http.post("/api/orders/batch", json={"orders": items})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"results"}
    return list(answer.json()["results"])


async def count(engine: Engine) -> int:
    return int(await engine.postgres.fetchval("SELECT count(*) FROM orders"))


async def test_invalid_orders_are_refused_in_place_and_valid_ones_placed(engine: Engine) -> None:
    await engine.start_worker()
    results = await batch(
        engine,
        SELL_SOL,
        SELL_SOL | {"amount": -1, "tokenIn": "Xyzzy0451"},
        "Xyzzy0451",
        SELL_SOL | {"Xyzzy0451": 1},
        SELL_SOL | {"amount": "2.5", "clientOrderId": "last"},
        SELL_SOL | {"idempotencyKey": "\u00e4"},
    )
    assert [result.get("status") for result in results] == ["pending", 422, 422, 422, "pending", 422]
    assert [[error["pointer"] for error in result.get("errors", [])] for result in results] == [
        [],
        ["/orders/1/tokenIn"],
        ["/orders/2"],
        ["/orders/3/Xyzzy0451"],
        [],
        [],
    ]
    for refused in (results[1], results[2], results[3], results[5]):
        ProblemDocument.model_validate(refused)
        assert "Xyzzy0451" not in repeated_values(refused)
    assert results[5]["code"] == "invalid_key"
    assert await count(engine) == 2
    for placed in (results[0], results[4]):
        assert (await engine.read_stream(placed["orderId"])).statuses[-1] == "confirmed"
    assert (await engine.order(results[4]["orderId"]))["clientOrderId"] == "last"


async def test_each_order_of_a_batch_has_its_own_key(engine: Engine) -> None:
    single = await engine.place(key="shared")
    orders = [SELL_SOL | {"idempotencyKey": key} for key in ("a", "b", "shared", "a")] + [SELL_SOL]
    first = await batch(engine, *orders)
    assert [result["idempotent"] for result in first].count(True) == 2  # "shared", and one of the two "a"
    assert first[0]["orderId"] == first[3]["orderId"]
    assert first[2]["orderId"] == single["orderId"]
    again = await batch(engine, *orders)
    assert [result["orderId"] for result in again[:4]] == [result["orderId"] for result in first[:4]]
    assert [result["idempotent"] for result in again] == [True] * 4 + [False]
    assert await count(engine) == 5

    (reused,) = await batch(engine, SELL_SOL | {"idempotencyKey": "a", "amount": 2})
    assert (reused["status"], reused["code"]) == (422, "key_reused")


async def test_a_batch_of_fifty_is_placed_and_one_more_is_refused(engine: Engine) -> None:
    assert len({result["orderId"] for result in await batch(engine, *[SELL_SOL] * 50)}) == 50
    answer = await engine.http.post("/api/orders/batch", json={"orders": [SELL_SOL] * 51})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/orders"
    assert await count(engine) == 50


async def test_an_invalid_batch_is_refused_as_a_whole(engine: Engine) -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"orders": []},
        {"orders": {}},
        {"orders": None},
        {"orders": [SELL_SOL], "atomic": True},
        SELL_SOL,
    ]
    for body in bodies:
        answer = await engine.http.post("/api/orders/batch", json=body)
        assert answer.status_code == 422, body
        assert answer.headers["content-type"] == "application/problem+json"
    answer = await engine.http.post("/api/orders/batch", json=[SELL_SOL])
    assert answer.json()["code"] == "malformed_body"
    # The header would protect no order of a batch from repeats, so it is refused.
    keyed = await engine.http.post("/api/orders/batch", json={"orders": [SELL_SOL]}, headers={"Idempotency-Key": "k"})
    assert keyed.json()["code"] == "invalid_key"
    assert await count(engine) == 0
