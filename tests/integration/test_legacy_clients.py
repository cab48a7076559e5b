"""Legacy clients: errors with their own field names, idempotency keys, socket paths, and CORS."""

from typing import Any

import httpx
import orjson

from app.access.authentication import LOCAL_OWNER
from app.main import create_app
from app.settings import load
from tests.engine import SELL_SOL, Engine, read_to_end

SIDE_BODY = {"side": "buy", "inputToken": "SOL", "outputToken": "USDC", "amount": 1.5}
# The addresses at which other engines stream an order.
FAMILY = (
    *("/ws?orderId={}", "/ws/{}?", "/ws/orders/{}?"),
    *("/api/orders/ws?orderId={}", "/api/orders/ws/{}?", "/orders/{}/status?"),
)
UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"


async def test_an_error_points_to_the_field_names_of_the_client(engine: Engine) -> None:
    wrong: list[tuple[str, dict[str, Any], list[str]]] = [
        ("/api/orders/execute", SIDE_BODY | {"inputToken": "XXX"}, ["/inputToken"]),
        ("/api/orders/execute", SIDE_BODY | {"outputToken": "SOL"}, ["/outputToken"]),
        ("/api/orders/execute", SIDE_BODY | {"tokenIn": "SOL"}, ["/tokenIn"]),
        ("/order", SELL_SOL | {"slippage": 10.5}, ["/slippage"]),
        ("/api/orders/execute", SELL_SOL | {"type": "iceberg"}, ["/type"]),
        ("/api/orders/execute", SELL_SOL | {"type": "LIMIT"}, ["/limitPrice"]),
        ("/api/orders/execute", SELL_SOL | {"type": "sniper"}, ["/limitPrice", "/trigger"]),
        ("/order", SELL_SOL | {"amount": 0}, ["/amount"]),
        ("/order", SELL_SOL | {"venues": ["unavailable"]}, ["/venues"]),
    ]
    for path, body, pointers in wrong:
        answer = await engine.http.post(path, json=body)
        assert answer.status_code == 422, (path, body)
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["pointer"] for error in answer.json()["errors"]] == pointers
        assert answer.json()["message"] == answer.json()["detail"]


async def test_each_word_of_another_engine_is_understood(engine: Engine) -> None:
    tokens = {"inputToken": "SOL", "outputToken": "USDC"}
    words: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("/api/orders/execute", tokens | {"amountIn": "1.5"}, {}),
        ("/order", tokens | {"amount": 1.5, "type": "Market"}, {}),
        ("/api/orders/execute", SELL_SOL | {"orderType": "MARKET", "slippage": 0.05}, {"slippageBps": 500}),
        ("/api/orders/execute", SELL_SOL | {"slippageTolerance": "0.5"}, {"slippageBps": 50}),
        ("/api/orders/execute", SELL_SOL | {"userId": 7}, {"clientOrderId": "7"}),
        ("/order", SELL_SOL | {"walletAddress": "7xKX"}, {"clientOrderId": "7xKX"}),
        ("/order", SELL_SOL | {"walletAddress": "7xKX", "orderId": "mine-1"}, {"clientOrderId": "mine-1"}),
    ]
    for path, body, expected in words:
        answer = await engine.http.post(path, json=body)
        assert answer.status_code == 202, (body, answer.text)
        order = await engine.order(answer.json()["orderId"])
        same = {"orderType": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}
        assert order.items() >= (same | expected).items(), body
        assert answer.json().get("slippageBps", expected.get("slippageBps")) == expected.get("slippageBps")
    assert await engine.postgres.fetchval("SELECT array_agg(DISTINCT owner) FROM orders") == [LOCAL_OWNER]


async def test_an_order_that_waits_is_pending_for_a_legacy_client(engine: Engine) -> None:
    body = {"type": "LIMIT", "inputToken": "SOL", "outputToken": "USDC", "amountIn": 1.5, "limitPrice": 1_000}
    order = (await engine.http.post("/api/orders/execute", json=body)).json()
    assert order["status"] == "open"
    async with engine.socket(f"/order/{order['orderId']}") as socket:
        assert orjson.loads(await socket.recv())["status"] == "pending"
        await engine.http.post(f"/api/orders/{order['orderId']}/cancel")
        stream = await read_to_end(socket)
    assert (stream.statuses, stream.code) == (["cancelled"], 1000)


async def test_the_same_order_in_any_dialect_has_the_same_key(engine: Engine) -> None:
    native = await engine.place(key="k1", slippageBps=100)
    for path, body in [
        ("/api/orders/execute", SIDE_BODY | {"slippageBps": 100}),
        ("/order", SELL_SOL | {"slippage": 0.01}),
        ("/api/orders/execute", SELL_SOL | {"slippageTolerance": 1.0}),
    ]:
        again = await engine.http.post(path, json=body, headers={"x-idempotency-key": "k1"})
        assert again.status_code == 200
        assert again.json()["orderId"] == native["orderId"]
    other = await engine.http.post("/order", json=SELL_SOL | {"slippage": 0.02}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 422
    assert other.json()["code"] == "key_reused"


async def test_a_plain_get_of_a_socket_path_gets_426(engine: Engine) -> None:
    for path in (
        f"/order/{UNKNOWN}",
        f"/api/orders/{UNKNOWN}/ws",
        f"/api/orders/{UNKNOWN}/status",
        *(path.format(UNKNOWN) for path in FAMILY),
        "/api/orders/execute",
        "/api/stream",
    ):
        answer = await engine.http.get(path)
        assert answer.status_code == 426, path
        assert answer.headers["upgrade"] == "websocket"


async def test_the_history_of_an_unknown_order_is_404(engine: Engine) -> None:
    for path in (f"/api/orders/{UNKNOWN}/history", "/api/orders/none/history"):
        assert (await engine.http.get(path)).status_code == 404


async def test_a_legacy_socket_resumes_and_closes_like_the_native_one(engine: Engine) -> None:
    await engine.start_worker()
    order_id = (await engine.place())["orderId"]
    await engine.read_stream(order_id)
    for path in ("/order/{}?", "/api/orders/{}/ws?", "/api/orders/{}/status?", *FAMILY):
        for address, frames, code in [
            (path.format(order_id) + "&after=3", 1 if path.endswith("/{}/status?") and "api" in path else 2, 1000),
            (path.format(UNKNOWN), 0, 4404),
            (path.format("none"), 0, 4404),
            (path.format(order_id) + "&after=x", 0, 4400),
        ]:
            async with engine.socket(address) as socket:
                stream = await read_to_end(socket)
            assert (len(stream.events), stream.code) == (frames, code), address
            if path in FAMILY:
                assert all(frame["type"] == "status" and frame["message"] for frame in stream.events)


async def test_in_local_mode_browsers_may_call_from_loopback_only(engine: Engine) -> None:
    for origin, allowed in [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:3001", True),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://localhost:5173.evil.example", False),
        ("null", False),
    ]:
        preflight = await engine.http.options(
            "/order",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type, x-idempotency-key",
            },
        )
        assert (preflight.headers.get("access-control-allow-origin") == origin) is allowed, origin
        assert preflight.is_success is allowed, origin
        refused = await engine.http.post("/order", json={}, headers={"Origin": origin})
        assert ("access-control-allow-origin" in refused.headers) is allowed, origin


async def test_in_production_only_the_configured_origins_may_call() -> None:
    app = create_app(load(engine_mode="production", allowed_origins="https://app.example.com"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine") as client:
        for origin, allowed in [("https://app.example.com", True), ("http://localhost:5173", False)]:
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            preflight = await client.options("/order", headers=headers)
            assert (preflight.headers.get("access-control-allow-origin") == origin) is allowed, origin
