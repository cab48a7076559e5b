"""Unexpected errors are counted by type, and logged with the request or the order they happened in."""

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect

from app.dex.router import Router
from app.orders.events.feed import Feed
from app.orders.intake import Intake
from app.orders.store.reads import OrderReader
from app.postgres.running import fetch
from tests.engine import SELL_SOL, Engine, eventually, read_to_end
from tests.integration.test_metrics import scrape


class UnexpectedError(Exception):
    pass


async def failing(*_: Any, **__: Any) -> None:
    raise UnexpectedError


async def errors(engine: Engine) -> float:
    return (await scrape(engine))("engine_errors_total", type="UnexpectedError")


@pytest.mark.parametrize("where", ["request", "socket", "worker"])
async def test_an_unexpected_error_is_counted_by_type_and_logged_with_its_context(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    order, before = (await engine.place())["orderId"], await errors(engine)
    if where == "request":
        monkeypatch.setattr(OrderReader, "order", failing)
        answer = await engine.http.get(f"/api/orders/{order}")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert answer.headers["connection"] == "close"  # as it is: another request must not be sent on it
        context = {"request": answer.headers["x-request-id"]}
        assert answer.json()["requestId"] == context["request"]
    elif where == "socket":
        monkeypatch.setattr(Feed, "replay", failing)
        ws = connect(
            f"{engine.base_url.replace('http', 'ws')}/api/orders/execute?orderId={order}",
            additional_headers={"X-Request-Id": "mine"},
        )
        async with asyncio.timeout(5), ws as socket:
            assert (await read_to_end(socket)).code == 1011
        context = {"request": "mine"}
    else:
        monkeypatch.setattr(Router, "route", failing)
        await engine.start_worker(retry_base_seconds=60)
        context = {"order": order}

    async def counted() -> bool:
        return await errors(engine) == before + 1

    await eventually(counted)
    (record,) = [one for one in caplog.records if one.exc_info and one.name.startswith("engine")]
    assert record.exc_info
    assert record.exc_info[0] is UnexpectedError
    assert context.items() <= vars(record).items()


async def test_no_query_parameter_breaks_a_read(engine: Engine) -> None:
    paths = (await engine.http.get("/openapi.json")).json()["paths"]
    order = (await engine.place())["orderId"]
    seen = 0
    for template, calls in paths.items():
        names = [one["name"] for one in calls.get("get", {}).get("parameters", ()) if one["in"] == "query"]
        path = template.replace("{order_id}", order)
        required = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"} if path == "/api/quotes" else {}
        for name in names:
            for value in ("%00", "a%00b", "%ED%A0%80", "%FF", "%F0%9F%92%A9", "%27%3B--"):
                others = "".join(f"&{one}={said}" for one, said in required.items() if one != name)
                answer = await engine.http.get(f"{path}?{name}={value}{others}")
                assert answer.status_code < 500, (path, name, value)
                seen += 1
    assert seen > 100


async def test_a_value_that_postgres_cannot_take_is_the_callers_in_a_read_and_ours_in_a_write(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused_by_postgres(*_: Any, **__: Any) -> None:
        await fetch(engine.postgres, "SELECT $1::text", "\0")

    monkeypatch.setattr(OrderReader, "page", refused_by_postgres)
    monkeypatch.setattr(Intake, "place", refused_by_postgres)
    answer = await engine.http.get("/api/orders")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    answer = await engine.http.post("/api/orders/execute", json=SELL_SOL)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
