"""From the POST to the fill: an order waits, the market is moved by hand, a watcher fires it, a worker fills it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.watcher.main import watcher
from tests.engine import HAPPY, Engine, eventually

PAIR = {"tokenIn": "SOL", "tokenOut": "USDC"}


@pytest.fixture
async def watched(engine: Engine) -> AsyncIterator[Engine]:
    """The market stands at 150, and one worker and one watcher run."""
    await move(engine, "150")
    await engine.start_worker()
    async with watcher(engine.settings):
        yield engine


async def move(engine: Engine, price: str) -> None:
    """Returns once the market is there."""
    answer = await engine.http.post("/api/simulate/market", json=PAIR | {"price": price})
    assert answer.status_code == 200, answer.text

    async def holds() -> bool:
        return bool((await engine.http.get("/api/market", params=PAIR)).json()["slot"] >= answer.json()["fromSlot"])

    await eventually(holds)


async def stream(engine: Engine, placed: dict[str, Any]) -> list[dict[str, Any]]:
    return (await engine.read_stream(placed["orderId"])).events


async def test_a_limit_order_fires_when_the_market_gets_there(watched: Engine) -> None:
    order = await watched.place(orderType="limit", limitPrice="155")
    assert order["status"] == "open"
    await move(watched, "156")
    events = await stream(watched, order)
    assert [event["status"] for event in events] == ["open", *HAPPY]
    assert events[1]["trigger"]["level"] == "155"
    assert float(events[1]["trigger"]["price"]) >= 155
    assert events[-1]["executedPrice"] >= 155


async def test_a_stop_and_a_take_profit_fire_on_their_own_side(watched: Engine) -> None:
    stop = await watched.place(orderType="stop", trigger={"price": "140", "when": "below"})
    target = await watched.place(orderType="take_profit", trigger={"price": "160", "when": "above"})
    await move(watched, "139")
    fired = await stream(watched, stop)
    assert [event["status"] for event in fired] == ["open", *HAPPY]
    assert fired[1]["trigger"] == fired[1]["trigger"] | {"price": "139", "level": "140", "source": "venues"}
    assert (await watched.order(target["orderId"]))["status"] == "open"
    await move(watched, "161")
    assert [event["status"] for event in await stream(watched, target)] == ["open", *HAPPY]


async def test_an_order_for_now_or_never_is_filled_or_expires(watched: Engine) -> None:
    now = await watched.place(orderType="limit", limitPrice="149", timeInForce="ioc")
    never = await watched.place(orderType="limit", limitPrice="151", timeInForce="ioc")
    assert [event["status"] for event in await stream(watched, now)] == ["open", *HAPPY]
    ended = await stream(watched, never)
    assert [(event["status"], event.get("code")) for event in ended] == [("open", None), ("expired", "not_marketable")]


async def test_an_order_until_a_moment_expires_then(watched: Engine) -> None:
    order = await watched.place(orderType="limit", limitPrice="155", expiresInSeconds=1)
    ended = await stream(watched, order)
    assert [(event["status"], event.get("code")) for event in ended] == [("open", None), ("expired", "expired")]


async def test_without_a_watcher_market_orders_go_on(engine: Engine) -> None:
    await engine.start_worker()
    assert (await engine.read_stream((await engine.place())["orderId"])).statuses == HAPPY
