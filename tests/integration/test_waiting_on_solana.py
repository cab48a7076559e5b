"""Orders that wait on a local chain: its pools are moved by hand, a watcher reads them, and the order is filled."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.watcher.main import watcher
from tests.engine import HAPPY, Engine
from tests.solana_world import trading

PAIR = {"tokenIn": "SOL", "tokenOut": "USDC"}


@pytest.fixture
async def watched(tmp_path: Path, postgres_dsn: str, redis_dsn: str) -> AsyncIterator[Engine]:
    async with trading(tmp_path, (postgres_dsn, redis_dsn)) as (engine, _), watcher(engine.settings):
        yield engine


async def moved(engine: Engine, **change: Any) -> Decimal:
    answer = await engine.http.post("/api/simulate/market", json=PAIR | change)
    assert answer.status_code == 200, answer.text
    mids = (await engine.http.get("/api/market", params=PAIR)).json()["mids"]
    [price] = {round(Decimal(one["price"]), 6) for one in mids}  # of both venues
    return price


async def test_orders_fire_at_the_prices_of_the_pools(watched: Engine, tmp_path: Path) -> None:
    assert await moved(watched, price="150") == 150
    limit = await watched.place(orderType="limit", limitPrice="155")
    stop = await watched.place(orderType="stop", trigger={"price": "140", "when": "below"})
    assert (limit["status"], stop["status"]) == ("open", "open")
    assert await moved(watched, price="156") == 156
    fired = await watched.read_stream(limit["orderId"])
    assert fired.statuses == ["open", *HAPPY]
    assert fired.log[-1]["executedPrice"] >= 155
    assert (await watched.order(stop["orderId"]))["status"] == "open"
    assert await moved(watched, moveBps=-1100) < 140
    assert (await watched.read_stream(stop["orderId"])).statuses == ["open", *HAPPY]
