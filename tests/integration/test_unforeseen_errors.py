"""An error that nobody had foreseen is counted by its type, and its line in the log says what it hit."""

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect

from app.dex.router import Router
from app.orders.events.feed import Feed
from app.orders.store.reads import OrderReader
from tests.engine import Engine, eventually, read_to_end
from tests.integration.test_metrics import seen


class Stumble(Exception):
    pass


async def stumbling(*_: Any, **__: Any) -> None:
    raise Stumble


async def errors(engine: Engine) -> float:
    return (await seen(engine))("engine_errors_total", type="Stumble")


@pytest.mark.parametrize("where", ["request", "socket", "worker"])
async def test_an_error_that_nobody_had_foreseen_is_counted_by_its_type_and_logged_with_what_it_hit(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    order, before = (await engine.place())["orderId"], await errors(engine)
    if where == "request":
        monkeypatch.setattr(OrderReader, "order", stumbling)
        answer = await engine.http.get(f"/api/orders/{order}")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        hit = {"request": answer.headers["x-request-id"]}
        assert answer.json()["requestId"] == hit["request"]
    elif where == "socket":
        monkeypatch.setattr(Feed, "replay", stumbling)
        ws = connect(
            f"{engine.base_url.replace('http', 'ws')}/api/orders/execute?orderId={order}",
            additional_headers={"X-Request-Id": "mine"},
        )
        async with asyncio.timeout(5), ws as socket:
            assert (await read_to_end(socket)).code == 1011
        hit = {"request": "mine"}
    else:
        monkeypatch.setattr(Router, "route", stumbling)
        await engine.start_worker(retry_base_seconds=60)
        hit = {"order": order}

    async def counted() -> bool:
        return await errors(engine) == before + 1

    await eventually(counted)
    (line,) = [record for record in caplog.records if record.exc_info and record.name.startswith("engine")]
    assert line.exc_info
    assert line.exc_info[0] is Stumble
    assert hit.items() <= vars(line).items()
