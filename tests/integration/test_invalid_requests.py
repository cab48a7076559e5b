"""Invalid requests are cheap and have a quota, so that nobody can keep the engine busy with them."""

import asyncio
import gc
import time
from typing import Any

import pytest

from app.api import json_body
from app.api.orders.bodies import ExecuteOrder
from app.api.problems import Problem
from app.api.routes import health, place_order
from app.api.validation import read
from app.orders.model import KeyReused
from tests.engine import SELL_SOL, Engine, read_to_end, running_engine

ORDER, BATCH, TICKET = "/api/orders/execute", "/api/orders/batch", "/api/tickets"
LARGEST = 64 * 1024
COSTLY = {
    "fields": "{" + ",".join(f'"{n}":1' for n in range(7_000)) + "}",
    "fields that are just allowed": "{" + ",".join(f'"{"amuont" * 9}{n:02}":1' for n in range(50)) + "}",
    "numbers": '{"orders":[' + "1," * 30_000 + "1]}",
    "objects": '{"orders":[' + "{}," * 20_000 + "{}]}",
}


@pytest.mark.parametrize("body", COSTLY.values(), ids=COSTLY)
def test_an_invalid_body_takes_little_time(body: str) -> None:
    def seconds() -> float:
        began = time.process_time()
        with pytest.raises(Problem):
            read(ExecuteOrder, json_body.parse(body.encode()))
        return time.process_time() - began

    assert len(body) <= LARGEST
    assert min(seconds() for _ in range(3)) < 0.005  # 20 to 150 ms, if each value or field is looked at


async def test_invalid_requests_have_a_quota_and_do_not_keep_their_sender_from_stopping(
    postgres_dsn: str, redis_dsn: str
) -> None:
    invalid: tuple[tuple[str, Any], ...] = ((ORDER, {}), (TICKET, {"scope": "all"}), (BATCH, []), (ORDER, {"side": 1}))
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=len(invalid)) as engine:
        order = (await engine.place())["orderId"]
        assert [(await engine.http.post(path, json=body)).is_client_error for path, body in invalid] == [True] * 4
        for path, body in (*invalid, (ORDER, SELL_SOL)):
            refused = await engine.http.post(path, json=body)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_invalid")
            assert 1 <= int(refused.headers["retry-after"]) <= 15
        assert (await engine.http.get(f"/api/orders/{order}")).status_code == 200
        assert (await engine.http.post(f"/api/orders/{order}/cancel")).status_code == 200
        halt = await engine.http.put("/api/kill-switch", json={"state": "halted", "reason": "Prices are wrong."})
        assert halt.status_code == 200


async def test_invalid_queries_have_a_quota_and_paths_that_do_not_exist_get_few_hints(
    postgres_dsn: str, redis_dsn: str
) -> None:
    """Each took the API 1 to 2 ms: with 60 connections of one key each request of others took a second."""
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=3) as engine:
        codes = [
            (await engine.http.get(f"/api/orders?{n}=1")).json()["code"] for n in ("statuss", "limt", "x", "limit")
        ]
        assert codes == ["invalid_request"] * 3 + ["too_many_invalid"]
        assert (await engine.http.get("/api/orders")).status_code == 200
        told = [(await engine.http.get("/api/ordrs")).json()["detail"] for _ in range(30)]
        assert sum("did you mean /api/orders?" in one for one in told) <= 20


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The orders of batches that were looked at."""
    orders: list[Any] = []

    def looking(shape: Any, order: Any, at: str) -> Any:
        orders.append(order)
        return read(shape, order, at)

    monkeypatch.setattr(place_order, "read", looking)
    return orders


async def codes_of(engine: Engine, *orders: dict[str, Any]) -> set[str]:
    answer = await engine.http.post(BATCH, json={"orders": orders})
    return {result["code"] for result in answer.json().get("results", [answer.json()])}


async def test_each_invalid_order_of_a_batch_counts(postgres_dsn: str, redis_dsn: str, looked_at: list[Any]) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=6) as engine:
        assert await codes_of(engine, *[{}] * 4) == {"invalid_order"}
        assert await codes_of(engine, *[{}] * 4) == {"invalid_order", "too_many_invalid"}
        assert len(looked_at) == 6


async def test_of_a_batch_beyond_the_quota_only_possible_repeats_are_looked_at(
    postgres_dsn: str, redis_dsn: str, looked_at: list[Any]
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=4) as engine:
        assert await codes_of(engine, *[{}] * 4) == {"invalid_order"}
        looked_at.clear()
        assert await codes_of(engine, {"idempotencyKey": "new", **SELL_SOL}, {}, {}, {}) == {"too_many_orders"}
        assert len(looked_at) == 1


async def test_nothing_of_a_refused_request_is_kept(postgres_dsn: str, redis_dsn: str) -> None:
    """Old objects are collected seldom, and batches are large."""
    again = {"headers": {"Idempotency-Key": "known"}}
    requests: tuple[tuple[str, dict[str, Any]], ...] = (
        (BATCH, {"json": {"orders": [SELL_SOL | {"idempotencyKey": "known", "amount": 2}] * 2}}),
        (BATCH, {"json": {"orders": [SELL_SOL | {"idempotencyKey": "new"}, {}, SELL_SOL]}}),
        (ORDER, {"json": SELL_SOL | {"amount": 2}, **again}),
        (ORDER, {"json": SELL_SOL}),
    )
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=1) as engine:
        assert (await engine.place(key="known"))["orderId"]
        gc.collect()
        gc.disable()
        try:
            for path, request in requests:
                assert (await engine.http.post(path, **request)).is_error or path == BATCH
            assert not [kept for kept in gc.get_objects() if isinstance(kept, (Problem, KeyReused))]
        finally:
            gc.enable()


async def test_invalid_first_messages_and_amendments_without_a_seq_count_too(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=4) as engine:
        order = (await engine.place())["orderId"]

        async def over_socket(message: str) -> tuple[str, int]:
            async with engine.socket(ORDER) as ws:
                await ws.send(message)
                stream = await read_to_end(ws)
            return stream.events[0]["code"], stream.code

        assert [await over_socket(message) for message in ("{", "{}")] == [
            ("malformed_body", 4400),
            ("invalid_order", 4400),
        ]
        for _ in range(2):
            answer = await engine.http.patch(f"/api/orders/{order}", json={"limitPrice": "1"})
            assert answer.json()["code"] == "precondition_required"
        assert await over_socket("{}") == ("too_many_invalid", 4429)
        answer = await engine.http.patch(f"/api/orders/{order}", json={})
        assert answer.json()["code"] == "too_many_invalid"


async def test_an_amendment_beyond_the_quota_is_refused_before_its_body_is_read(
    postgres_dsn: str, redis_dsn: str
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_orders_per_min=2) as engine:
        codes = [(await engine.http.patch("/api/orders/none", content="{")).json()["code"] for _ in range(3)]
        assert codes == ["not_json", "not_json", "too_many_orders"]


async def test_postgres_is_not_called_down_because_the_api_is_busy(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "DATABASE_SECONDS", 0.1)
    assert (await engine.http.get("/health")).json()["postgres"] == "up"

    loop, answering = asyncio.get_running_loop(), asyncio.create_task(engine.http.get("/health"))

    def be_busy() -> None:
        time.sleep(0.04)
        if not answering.done():
            loop.call_soon(be_busy)

    be_busy()
    assert (await answering).json()["postgres"] == "up"
