"""Unexpected errors are counted by type, and logged with the request or the order they happened in."""

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect

from app.dex.router import Router
from app.orders.events.feed import Feed
from app.orders.store.reads import OrderReader
from tests.engine import Engine, eventually, read_to_end
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
