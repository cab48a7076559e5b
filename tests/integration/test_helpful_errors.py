"""Errors say what to change: the unknown name and the one that was meant, what exists, and the most that fits."""

from typing import Any

from app.api.orders.bodies import SHAPES
from tests.engine import SELL_SOL, Engine, running_engine

ORDER = "/api/orders/execute"
NO_ORDER = "01a1fcdd-4c14-773b-8d77-909b122b0037"


INVALID_ORDERS: list[tuple[dict[str, Any], str, str]] = [
    ({"amuont": 1}, "/amuont", "unknown field; did you mean amount?"),
    ({"slippage_bps": 1}, "/slippage_bps", "unknown field; did you mean slippageBps?"),
    ({"idempotencyKey": "k"}, "/idempotencyKey", "unknown field; send the key in the header Idempotency-Key"),
    ({"memo": 1}, "/memo", "unknown field"),
    ({"tokenIn": "sol"}, "/tokenIn", "this token is not traded here; did you mean SOL?"),
    ({"tokenOut": "USDCC"}, "/tokenOut", "this token is not traded here; did you mean USDC?"),
    ({"tokenOut": "EUR"}, "/tokenOut", "this token is not traded here; GET /api/tokens lists those that are"),
    ({"venues": ["Raydium"]}, "/venues", "must be one of: meteora, raydium; did you mean raydium?"),
    ({"orderType": "makret"}, "/orderType", f"must be one of: {', '.join(SHAPES)}; did you mean market?"),
    ({"orderType": "limit"}, "/limitPrice", "is required"),
    ({"orderType": "stop", "trigger": "below 120"}, "/trigger", "must be an object"),
    ({"expiresAt": "2100-01-01"}, "/expiresAt", "must name its time zone, as in 2027-01-31T12:00:00Z"),
    ({"clientOrderId": "x" * 65}, "/clientOrderId", "must have at most 64 characters"),
    ({"slippageBps": 10_001}, "/slippageBps", "must be less than or equal to 10000"),
]


async def test_an_order_that_is_not_valid(engine: Engine) -> None:
    for fields, pointer, message in INVALID_ORDERS:
        answer = await engine.http.post(ORDER, json=SELL_SOL | fields)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [{"pointer": pointer, "message": message}]


async def test_a_missing_field_is_required(engine: Engine) -> None:
    answer = await engine.http.post(ORDER, json={"tokenIn": "SOL", "tokenOut": "USDC"})
    assert answer.json()["errors"] == [{"pointer": "/amount", "message": "is required"}]


async def test_a_batch_that_can_never_be_granted_is_not_retryable_and_says_what_fits(
    postgres_dsn: str, redis_dsn: str
) -> None:
    for limits, most in (
        ({"api_max_orders_per_min": 10}, 10),
        ({"queue_max_per_owner": 7, "api_max_orders_per_min": 10}, 7),
        ({"queue_max_depth": 3}, 3),
    ):
        async with running_engine(postgres_dsn, redis_dsn, **limits) as engine:
            answer = await engine.http.post("/api/orders/batch", json={"orders": [SELL_SOL] * (most + 1)})
            problem = answer.json()
            assert (problem["status"], problem["code"], problem["retryable"]) == (422, "batch_too_large", False)
            assert problem["detail"].startswith(f"At most {most} orders fit in one request")
            assert "retry-after" not in answer.headers
            assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


INVALID_QUERIES = [
    (
        "GET /api/orders?limt=5",
        "/query/limt",
        "takes: before, cursor, from, limit, status, tokenIn, tokenOut, venue; did you mean limit?",
    ),
    ("GET /api/queue?x=1", "/query/x", "unknown parameter; this path takes none"),
    ("POST /api/orders/execute?slippageBps=5", "/query/slippageBps", "unknown parameter; this path takes none"),
    (f"GET /api/orders/{NO_ORDER}?after=1", "/query/after", "unknown parameter; this path takes none"),
    ("DELETE /api/dlq/clear?reason=x", "/query/reason", "unknown parameter; this path takes: owner"),
    ("GET /api/orders?status=Confirmed", "/query/status", "did you mean confirmed?"),
    ("GET /api/orders?venue=meteroa", "/query/venue", "must be one of: meteora, raydium; did you mean meteora?"),
    ("GET /api/orders?tokenIn=usdc", "/query/tokenIn", "this token is not traded here; did you mean USDC?"),
    ("GET /api/dlq/stats?owner=a b", "/query/owner", "must match pattern '^[A-Za-z0-9]"),
]


async def test_a_query_that_is_not_valid(engine: Engine) -> None:
    for call, pointer, message in INVALID_QUERIES:
        method, _, address = call.partition(" ")
        answer = await engine.http.request(method, address)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
        (error,) = answer.json()["errors"]
        assert error["pointer"] == pointer
        assert message in error["message"]
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


async def test_legacy_paths_probes_and_pages_ignore_unknown_parameters(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    for path in ("/", "/health", "/health/live", "/metrics", "/openapi.json", f"/api/orders/{order}/history"):
        assert (await engine.http.get(path, params={"v": "2", "_": "1"})).status_code == 200, path
    assert (await engine.http.post("/order?v=2", json=SELL_SOL)).status_code == 202


MALFORMED = [
    (b'{"tokenIn":"SOL",}', "line 1, column 18: a field name in double quotes was expected"),
    (b'{"tokenIn":"SOL"\n "tokenOut":"USDC"}', "line 2, column 2: a comma, or the end"),
    (b'{"tokenIn":}', "line 1, column 12: a value was expected"),
    (b'{"tokenIn" "SOL"}', "line 1, column 12: a colon was expected"),
    (b'{"tokenIn":"SOL}', "line 1, column 12: a string has no end"),
    (b'{"tokenIn":"S\nL"}', "line 1, column 14: a string contains a control character"),
    (b'{"tokenIn":"S\\xL"}', "line 1, column 14: a string contains an invalid escape"),
    (b"{'tokenIn':'SOL'}", "line 1, column 2: a field name in double quotes was expected"),
    (b"{} {}", "line 1, column 4: nothing more was expected after the object"),
    (b"\xef\xbb\xbf{}", "line 1, column 1: it starts with a byte order mark"),
    (b'{"amount":NaN}', "NaN and Infinity are not JSON numbers."),
    (b'{"amount":1,"amount":2}', "An object has the same field twice."),
    (b" \n", "It is empty."),
    (b"[]", "It is not a JSON object"),
]


async def test_a_body_that_is_not_json_says_where(engine: Engine) -> None:
    for body, where in MALFORMED:
        answer = await engine.http.post(ORDER, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")
        assert where in answer.json()["detail"]


async def test_a_wrong_method_or_path_names_the_right_one(engine: Engine) -> None:
    wrong = await engine.http.delete(ORDER)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert wrong.json()["detail"] == "This path does not support that method. It supports: GET, POST."
    of_any_order = await engine.http.delete(f"/api/orders/{NO_ORDER}")
    assert of_any_order.headers["allow"] == "GET, PATCH"
    for path, meant in (
        ("/api/order/execute", "/api/orders/execute"),
        (f"/api/orders/{NO_ORDER}/event", "/api/orders/{order_id}/events"),
        ("/api/token", "/api/tokens"),
    ):
        answer = await engine.http.get(path)
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"There is nothing at this path; did you mean {meant}?"
    assert (await engine.http.get("/nothing")).json()["detail"] == "There is nothing at this path."
