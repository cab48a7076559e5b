"""A token that is launched on the simulated market can be traded at once, in every process."""

from typing import Any

import httpx

from app.watcher.main import watcher
from tests.engine import HAPPY, Engine, eventually, running_engine

WIF = {
    "venue": "raydium",
    "symbol": "WIF",
    "name": "dogwifhat",
    "decimals": 6,
    "usd": "0.25",
    "quote": "SOL",
    "depthUsd": 50_000,
}

MIDS = "/api/market?tokenIn=WIF&tokenOut=SOL"


async def launch(engine: Engine, **fields: Any) -> httpx.Response:
    return await engine.http.post("/api/simulate/pools", json=WIF | fields)


async def test_a_launched_token_is_traded_by_a_worker_that_was_running(engine: Engine) -> None:
    await engine.start_worker()
    answer = await launch(engine)
    assert answer.status_code == 200, answer.text
    launched = answer.json()
    assert launched["tokens"] == ["WIF", "SOL"]
    known = await engine.http.get("/api/simulate/mint", params={"symbol": "WIF"})
    assert known.json() == {"symbol": "WIF", "mint": launched["mint"]}
    assert launched["mint"] in [token["mint"] for token in (await engine.http.get("/api/tokens")).json()["tokens"]]
    order = await engine.place(tokenIn="SOL", tokenOut=launched["mint"], amount=1)
    assert (await engine.read_stream(order["orderId"])).statuses == HAPPY
    shown = await engine.order(order["orderId"])
    assert (shown["tokenOut"], shown["dex"]) == ("WIF", "raydium")
    assert 570 < float(shown["amountOut"]) < 600  # 149.85 / 0.25, less fee and impact
    # Two hops, and a value in dollars.
    order = await engine.place(tokenIn="WIF", tokenOut="USDC", amount=100)
    assert (await engine.read_stream(order["orderId"])).statuses == HAPPY
    assert 24 < float((await engine.order(order["orderId"]))["valueUsd"]) < 26


async def test_a_launch_outlives_a_restart_and_seen_twice_it_is_there_once(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        first, again = await launch(engine), await launch(engine, depthUsd=60_000)
        assert first.json()["id"] == again.json()["id"]
        assert len((await engine.http.get(MIDS)).json()["mids"]) == 1
        assert (await launch(engine, venue="meteora")).status_code == 200
        assert len((await engine.http.get(MIDS)).json()["mids"]) == 2
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        pools = [pool for pool in (await engine.http.get("/api/pools")).json()["pools"] if "WIF" in pool["tokens"]]
        assert [(pool["venue"], pool["depthUsd"]) for pool in pools] == [("raydium", 50_000), ("meteora", 50_000)]
        assert len((await engine.http.get(MIDS)).json()["mids"]) == 2


async def test_a_limit_order_for_a_launched_token_fires(engine: Engine) -> None:
    async with watcher(engine.settings):
        await engine.start_worker()
        await launch(engine)
        pair = {"tokenIn": "WIF", "tokenOut": "SOL"}
        order = await engine.place(**pair, amount=100, orderType="limit", limitPrice="0.01")
        await engine.http.post("/api/simulate/market", json=pair | {"price": "0.02"})
        assert (await engine.read_stream(order["orderId"])).statuses == ["open", *HAPPY]

        async def is_moved() -> bool:
            mids = (await engine.http.get("/api/market", params=pair)).json()["mids"]
            return bool(mids == [{"venue": "raydium", "price": 0.02}])

        await eventually(is_moved)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"symbol": "sol"}, "/symbol", "another token has this symbol"),
    ({"symbol": "<b>"}, "/symbol", "match pattern"),
    ({"venue": "raydum"}, "/venue", "did you mean raydium?"),
    ({"quote": "BONK"}, "/quote", "must be 'SOL' or 'USDC'"),
    ({"usd": "0"}, "/usd", "greater than zero"),
    ({"usd": "9223373", "decimals": 9, "depthUsd": 10**9}, "/usd", "at most 1000000"),
    ({"usd": "1000000", "decimals": 0, "depthUsd": 1_000}, "/symbol", "too few units"),
    ({"usd": "0.000000000001", "decimals": 9, "depthUsd": 10**9}, "/symbol", "too many"),
    ({"decimals": 10}, "/decimals", "less than or equal to 9"),
    ({"depthUsd": 999}, "/depthUsd", "greater than or equal to 1000"),
]


async def test_a_wrong_launch_is_told_what_to_change(engine: Engine) -> None:
    for fields, pointer, says in WRONG:
        answer = await launch(engine, **fields)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), fields
        [error] = answer.json()["errors"]
        assert error["pointer"] == pointer, fields
        assert says in error["message"]
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.launches") == 0
