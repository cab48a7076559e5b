"""Clients of five older engines. Each uses only what the README of its engine documents: paths, bodies, frames."""

import asyncio
import re
from typing import Any

import pytest

from tests.engine import HAPPY, Engine, StreamResult, eventually, read_to_end


@pytest.fixture(autouse=True)
async def worker(engine: Engine) -> None:
    await engine.start_worker()


async def post(engine: Engine, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await engine.http.post(path, json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def receive(engine: Engine, path: str) -> StreamResult:
    async with asyncio.timeout(10), engine.socket(path) as socket:
        return await read_to_end(socket)


# 000: {tokenIn, tokenOut, amount, slippageBps}; the answer's wsUrl; OrderEvent frames


async def test_the_first_client_opens_the_returned_url_and_runs_five_orders_at_once(engine: Engine) -> None:
    body = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 10, "slippageBps": 50}
    answer = await post(engine, "/api/orders/execute", body)
    address = engine.base_url.replace("http", "ws")
    assert answer["wsUrl"] == f"{address}/api/orders/execute?orderId={answer['orderId']}"
    stream = await receive(engine, answer["wsUrl"].removeprefix(address))
    assert stream.statuses == ["pending", "routing", "building", "submitted", "confirmed"]
    last = stream.events[-1]
    assert last["txHash"]
    assert last["dex"] in ("raydium", "meteora")
    assert isinstance(last["executedPrice"], float)

    answers = await asyncio.gather(*(post(engine, "/api/orders/execute", body) for _ in range(5)))
    streams = await asyncio.gather(
        *(receive(engine, f"/api/orders/execute?orderId={answer['orderId']}") for answer in answers)
    )
    assert [stream.statuses for stream in streams] == [HAPPY] * 5


# 001: {side, amount, inputToken, outputToken}; /api/orders/:orderId/ws with venue, price, txHash


async def test_the_second_client_sends_side_input_token_and_output_token(engine: Engine) -> None:
    body = {"side": "buy", "amount": 10, "inputToken": "SOL", "outputToken": "USDC"}
    sold = await post(engine, "/api/orders/execute", body | {"side": "sell"})
    assert sold["side"] == "sell"
    answer = await post(engine, "/api/orders/execute", body)
    assert (answer["success"], answer["status"]) == (True, "pending")
    assert answer["message"] == "Order queued successfully"
    assert answer["side"] == "buy"
    order = await engine.order(answer["orderId"])
    assert (order["tokenIn"], order["tokenOut"], order["amount"]) == ("SOL", "USDC", "10")

    stream = await receive(engine, f"/api/orders/{answer['orderId']}/ws")
    assert stream.statuses == HAPPY
    assert stream.code == 1000
    assert {frame["orderId"] for frame in stream.events} == {answer["orderId"]}
    building, confirmed = stream.events[2], stream.events[4]
    for frame in (building, confirmed):
        assert frame["venue"] in ("Raydium", "Meteora")
        assert isinstance(frame["price"], int | float)
        assert "dex" not in frame
    assert confirmed["txHash"] == stream.events[3]["txHash"]
    assert confirmed["price"] == (await engine.order(answer["orderId"]))["executedPrice"]


async def test_the_second_client_names_the_type_and_gives_the_order_a_label(engine: Engine) -> None:
    """Its page sends more than its README shows."""
    body = {"orderId": "mine-1", "type": "MARKET", "side": "buy", "amount": 10}
    answer = await post(engine, "/api/orders/execute", body | {"inputToken": "SOL", "outputToken": "USDC"})
    assert answer["orderId"] != "mine-1"
    order = await engine.order(answer["orderId"])
    assert (order["orderType"], order["clientOrderId"]) == ("market", "mine-1")


# 002: POST /order with a fraction; WS /order/:orderId; dead letters


async def test_the_third_client_sends_one_percent_in_two_ways(engine: Engine) -> None:
    """Its README has 0.01 and 1.0; the field of its form is called "Slippage (%)"."""
    for amount, slippage, bps in ((1.5, "0.01", 100), (1.0, "1.0", 100)):
        answer = await engine.http.post(
            "/order",
            content=f'{{"tokenIn":"SOL","tokenOut":"USDC", "amount":{amount},"slippage":{slippage}}}',
            headers={"content-type": "application/json", "origin": "http://localhost:5173"},
        )
        assert answer.is_success
        assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
        order_id = answer.json()["orderId"]
        assert answer.json()["slippageBps"] == bps
        assert (await engine.order(order_id))["slippageBps"] == bps
        stream = await receive(engine, f"/order/{order_id}")
        assert stream.statuses == HAPPY
        assert {frame["type"] for frame in stream.events} == {"status"}
        assert all(frame["message"] for frame in stream.events)
        assert stream.events[-1]["txHash"]
    assert (await engine.http.get("/health")).json()["status"] == "ok"


async def test_the_third_client_creates_reads_and_clears_dead_letters(engine: Engine) -> None:
    one = await engine.http.post("/test/dlq")
    bulk = await engine.http.post("/test/dlq/bulk")
    assert one.is_success
    assert bulk.is_success
    stream = await receive(engine, f"/order/{one.json()['orderId']}")
    assert stream.statuses[-1] == "failed"
    assert stream.statuses.count("routing") == 3
    assert stream.events[-1]["error"]

    async def six() -> list[dict[str, Any]]:
        answer = (await engine.http.get("/api/dlq/failed-orders")).json()
        assert answer["failedJobs"] == answer["failedOrders"]
        assert answer["message"]
        letters = answer["failedOrders"]
        return letters if len(letters) == 6 else []

    for letter in await eventually(six):
        assert letter["order_id"] == letter["orderId"]
        assert letter["original_order"]["tokenIn"] == "SOL"
        assert letter["failure_reason"]
        assert letter["attempts_made"] == 3
        assert letter["failed_at"]
        assert letter["last_error"]
    assert (await engine.http.get("/api/dlq/stats")).json()["totalFailed"] == 6
    assert (await engine.http.delete("/api/dlq/clear/failed")).json()["clearedCount"] == 6
    assert (await engine.http.delete("/api/dlq/clear")).json()["clearedCount"] == 0
    assert (await engine.http.get("/api/dlq/failed-orders")).json()["failedJobs"] == []
    refused = await engine.http.post("/order", json={"tokenIn": "SOL"})
    assert refused.json()["message"]
    assert (await engine.order(one.json()["orderId"]))["status"] == "failed"  # nothing was destroyed


# 003: statusEndpoint; {"type":"history"}, then {"type":"update"}; /history


async def test_the_fourth_client_gets_history_then_updates(engine: Engine) -> None:
    body = {"tokenIn": "USDC", "tokenOut": "SOL", "amount": 100}
    answer = await post(engine, "/api/orders/execute", body)
    assert answer["statusEndpoint"] == f"/api/orders/{answer['orderId']}/status"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", answer["createdAt"])

    stream = await receive(engine, answer["statusEndpoint"])
    first, *rest = stream.events
    assert first["type"] == "history"
    assert {frame["type"] for frame in rest} <= {"update"}
    events = [*first["data"], *(frame["data"] for frame in rest)]
    assert [event["status"] for event in events] == HAPPY
    assert stream.code == 1000

    timeline = (await engine.http.get(f"/api/orders/{answer['orderId']}/history")).json()
    assert timeline == events
    assert all(event["timestamp"] for event in events)
    _, routing, building, _, confirmed = (event["detail"] for event in events)
    assert routing["message"]
    assert isinstance(building["bestPrice"], float)
    assert building["chosenDex"] in ("raydium", "meteora")
    assert building["reason"]
    assert confirmed["txHash"]
    assert (await engine.http.get("/api/orders")).json()["orders"][0]["id"] == answer["orderId"]


async def test_the_fourth_client_gets_the_reason_of_a_failure(engine: Engine) -> None:
    order_id = (await engine.http.post("/test/dlq")).json()["orderId"]
    await receive(engine, f"/order/{order_id}")
    timeline = (await engine.http.get(f"/api/orders/{order_id}/history")).json()
    assert timeline[-1]["detail"]["reason"] == timeline[-1]["error"]


async def test_the_fourth_client_gets_updates_while_it_waits(engine: Engine) -> None:
    await engine.stop_worker(engine.workers[0][0])
    answer = await post(engine, "/api/orders/execute", {"tokenIn": "USDC", "tokenOut": "SOL", "amount": 100})
    async with asyncio.timeout(10), engine.socket(answer["statusEndpoint"]) as socket:
        reading = asyncio.create_task(read_to_end(socket))
        await engine.start_worker()
        first, *rest = (await reading).events
    assert [event["status"] for event in first["data"]] == ["pending"]
    assert [(frame["type"], frame["data"]["status"]) for frame in rest] == [("update", step) for step in HAPPY[1:]]

    # After the end of an order there are no updates.
    stream = await receive(engine, answer["statusEndpoint"])
    assert [frame["type"] for frame in stream.events] == ["history"]
    assert [event["status"] for event in stream.events[0]["data"]] == HAPPY


# 004: orderType and x-idempotency-key; the snapshot with its events; /health, /docs


async def test_the_fifth_client_retries_with_its_key_and_reads_the_snapshot(engine: Engine) -> None:
    body = {"orderType": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amount": 1.5}
    key = {"x-idempotency-key": "demo-run-123"}
    first = await post(engine, "/api/orders/execute", body, **key)
    assert first["idempotent"] is False
    async with asyncio.timeout(10), engine.socket(f"/api/orders/execute?orderId={first['orderId']}") as socket:
        stream = await read_to_end(socket)
    assert stream.statuses == HAPPY
    _, _, building, _, confirmed = stream.events
    assert building["route"]["dex"] in ("raydium", "meteora")
    assert confirmed["ts"] == confirmed["at"]
    assert confirmed["execution"]["executedPrice"] == confirmed["executedPrice"]

    again = await post(engine, "/api/orders/execute", body, **key)
    assert (again["orderId"], again["idempotent"]) == (first["orderId"], True)
    replayed = await receive(engine, f"/api/orders/execute?orderId={again['orderId']}")
    assert replayed.log == stream.log
    assert {frame["replay"] for frame in replayed.events} == {True}

    snapshot = (await engine.http.get(f"/api/orders/{first['orderId']}")).json()
    assert snapshot["status"] == "confirmed"
    assert snapshot["events"] == stream.log

    assert (await engine.http.get("/health")).status_code == 200
    page = await engine.http.get("/docs")
    assert page.status_code == 200
    script = re.search(r'src="(/docs/files/[^"]+)"', page.text)
    assert script
    assert (await engine.http.get(script[1])).status_code == 200
