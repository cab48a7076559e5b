"""Tokens, pools, quotes, the state of the queue, health checks and metrics."""

from typing import Any

import httpx
import pytest

from app.api.routes.health import Health, Liveness, Readiness
from app.api.routes.market import Pools, Preview, Tokens
from app.api.routes.queue import Queue
from app.api.schemas import Answer
from tests.engine import SELL_SOL, Engine, eventually, running_engine

pytestmark = pytest.mark.usefixtures("primed_queue")


def checked(answer: httpx.Response, shape: type[Answer]) -> dict[str, Any]:
    """The body of the answer, checked against its schema, without other fields."""
    assert answer.status_code in (200, 503), answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) <= {field.alias for field in shape.model_fields.values()}
    shape.model_validate_json(answer.text)
    return body


async def test_orders_can_use_the_listed_tokens_and_pools(engine: Engine) -> None:
    listed = checked(await engine.http.get("/api/tokens"), Tokens)
    tokens = listed["tokens"]
    assert listed["practice"] is True  # the page says so: no money moves
    pools = checked(await engine.http.get("/api/pools"), Pools)["pools"]
    assert {
        "symbol": "USDC",
        "mint": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
        "name": "USD Coin",
        "decimals": 6,
    } in tokens
    assert {pool["venue"] for pool in pools} == {"raydium", "meteora"}
    symbols = {token["symbol"] for token in tokens}
    for pool in pools:
        assert set(pool["tokens"]) <= symbols
        ends = dict(zip(("tokenIn", "tokenOut"), pool["tokens"], strict=True))
        assert (await engine.place(**ends, amount="1", venues=[pool["venue"]]))["status"] == "pending"


async def test_a_preview_equals_the_building_event_of_the_same_slot(postgres_dsn: str, redis_dsn: str) -> None:
    # A slot lasts a minute, so the market does not move, unless a minute passes in between.
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=60_000) as engine:
        await engine.start_worker()
        query = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}
        while True:
            before = checked(await engine.http.get("/api/quotes", params=query), Preview)
            building = (await engine.read_stream((await engine.place())["orderId"])).events[2]
            after = checked(await engine.http.get("/api/quotes", params=query), Preview)
            if before["slot"] == after["slot"]:
                break
        assert before == after
        told = {name: value for name, value in before.items() if name != "slot"}
        assert told == {name: building[name] for name in told}
        assert all(quote["slot"] == before["slot"] for quote in building["quotes"])
        assert sum(quote["won"] for quote in before["quotes"]) == 1


async def test_a_preview_without_a_route_has_an_error(engine: Engine) -> None:
    query = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1000000000"}
    told = checked(await engine.http.get("/api/quotes", params=query), Preview)
    assert "dex" not in told
    assert told["error"] in ("insufficient_liquidity", "price_impact_too_high")
    assert all(quote["reason"] for quote in told["quotes"])
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


async def test_the_queue_reports_its_state(engine: Engine) -> None:
    async def queue() -> dict[str, Any]:
        return checked(await engine.http.get("/api/queue"), Queue)

    for _ in range(3):
        await engine.place()
    await engine.http.post("/api/queue/pause")
    empty = await queue()
    assert (empty["waiting"], empty["running"], empty["workers"], empty["paused"]) == (3, 0, 0, True)
    assert (empty["startsPerMinute"], empty["startsLeft"], empty["ordersPerMinute"]) == (100, 100, 0)
    assert empty["confirmedMs"] == {"p50": None, "p99": None}
    await engine.start_worker()

    async def has_worker() -> bool:
        return bool((await queue())["workers"] == 1)

    await eventually(has_worker)
    assert (await queue())["concurrency"] == 10
    assert (await engine.http.post("/api/queue/resume")).json() == {"paused": False}

    async def done() -> bool:
        return bool((await queue())["ordersPerMinute"] == 0.6)

    await eventually(done)
    full = await queue()
    assert (full["waiting"], full["startsLeft"], full["paused"]) == (0, 97, False)
    assert 0 < full["confirmedMs"]["p50"] <= full["confirmedMs"]["p99"]


async def test_the_engine_is_ready_only_with_a_worker(engine: Engine) -> None:
    waiting = await engine.http.get("/health/ready")
    assert waiting.status_code == 503
    told = checked(waiting, Readiness)
    assert (told["ready"], told["reasons"], told["postgres"]) == (False, ["no worker is running"], "up")
    assert checked(await engine.http.get("/health"), Health)["status"] == "degraded"
    pickup = await engine.start_worker()

    async def ready() -> bool:
        return (await engine.http.get("/health/ready")).status_code == 200

    await eventually(ready)
    told = checked(await engine.http.get("/health"), Health)
    assert (told["status"], told["reasons"], told["redis"], told["workers"]) == ("ok", [], "up", 1)
    assert checked(await engine.http.get("/health/live"), Liveness) == {"status": "ok"}
    await engine.stop_worker(pickup)
    assert (await engine.http.get("/health/ready")).status_code == 503


async def test_the_engine_is_not_ready_on_a_database_of_another_version(engine: Engine) -> None:
    await engine.postgres.execute("UPDATE alembic_version SET version_num = '0001'")
    told = checked(await engine.http.get("/health/ready"), Readiness)
    assert (told["postgres"], told["revision"]) == ("not migrated", "0001")
    assert f"revision {told['expectedRevision']} is needed: run `engine migrate`" in told["reasons"][0]
    await engine.postgres.execute("DROP TABLE alembic_version")
    assert checked(await engine.http.get("/health/ready"), Readiness)["postgres"] == "not migrated"


async def test_metrics_are_labelled_by_route_never_by_client_input(engine: Engine) -> None:
    await engine.place()
    await engine.http.get("/Xyzzy0451")
    await engine.http.get("/api/orders/Xyzzy0451")
    await engine.http.request("XYZZY", "/health")
    answer = await engine.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'engine_http_requests_total{method="POST",route="/api/orders/execute",status="202"}' in answer.text
    assert 'route="/api/orders/{order_id}"' in answer.text
    assert "xyzzy" not in answer.text.lower()


async def test_every_example_in_the_openapi_document_works(engine: Engine) -> None:
    document = (await engine.http.get("/openapi.json")).json()
    tried = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            bodies = [one["value"] for one in media.get("examples", {}).values()]
            if bodies and "{" not in path:
                for body in bodies:
                    answer = await engine.http.request(method, path, json=body)
                    assert answer.status_code in (200, 201, 202), (path, body, answer.text)
                    for result in answer.json().get("results", []):
                        assert result["status"] == "pending", result
                    tried += 1
            elif method == "get" and "{" not in path:
                query = {
                    one["name"]: next(iter(one["examples"].values()))["value"]
                    for one in operation.get("parameters", [])
                    if one.get("examples")
                }
                answer = await engine.http.get(path, params=query)
                assert answer.status_code == (503 if path == "/health/ready" else 200), (path, answer.text)
                tried += 1
    assert tried >= 12
    assert SELL_SOL in [
        one["value"]
        for one in document["paths"]["/api/orders/execute"]["post"]["requestBody"]["content"]["application/json"][
            "examples"
        ].values()
    ]
