"""Orders that wait on a local chain: its pools are moved by hand, a watcher reads them, and the order is filled."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.watcher.main import watcher
from tests.engine import HAPPY, Engine, eventually
from tests.solana_world import trading

PAIR = {"tokenIn": "SOL", "tokenOut": "USDC"}


@pytest.fixture
async def watched(tmp_path: Path, postgres_dsn: str, redis_dsn: str) -> AsyncIterator[Engine]:
    async with trading(tmp_path, (postgres_dsn, redis_dsn)) as (engine, _), watcher(engine.settings):
        yield engine


async def moved(engine: Engine, pair: dict[str, str] = PAIR, **change: Any) -> Decimal:
    answer = await engine.http.post("/api/simulate/market", json=pair | change)
    assert answer.status_code == 200, answer.text
    mids = (await engine.http.get("/api/market", params=pair)).json()["mids"]
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


async def test_a_pair_with_one_pool_moves_with_the_ways_by_which_it_is_measured(watched: Engine) -> None:
    pair = {"tokenIn": "JUP", "tokenOut": "USDC"}
    assert await moved(watched, pair, price="0.4") == Decimal("0.4")  # by 17 %

    async def is_filled() -> bool:
        return (await watched.read_stream((await watched.place(**pair))["orderId"])).statuses == HAPPY

    await eventually(is_filled)  # once the worker has read the pools
