"""The simulated market can be moved by hand: every process sees the same price at the same slot."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from app.mockchain.market import READ_SECONDS
from app.network import MovableMarket, Network, open_market, open_network
from app.settings import load
from app.watcher.main import watcher
from tests.engine import HAPPY, Engine, eventually, running_engine

PAIR = {"tokenIn": "SOL", "tokenOut": "USDC"}


async def move(engine: Engine, **fields: Any) -> httpx.Response:
    return await engine.http.post("/api/simulate/market", json=PAIR | fields)


async def moved(engine: Engine, **fields: Any) -> dict[str, Any]:
    answer = await move(engine, **fields)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = orjson.loads(answer.content)
    return told


async def mids(engine: Engine, **pair: str) -> dict[str, Any]:
    answer = await engine.http.get("/api/market", params=PAIR | pair)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = orjson.loads(answer.content)
    return told


async def once_it_holds(engine: Engine, slot: int) -> dict[str, Any]:
    async def holds() -> dict[str, Any]:
        told = await mids(engine)
        return told if told["slot"] >= slot else {}

    return await eventually(holds)


def prices(network: Network, slot: int) -> list[Decimal]:
    sol, usdc = network.markets.token("SOL"), network.markets.token("USDC")
    return list(network.mids(sol, usdc, slot).values())


@contextlib.asynccontextmanager
async def another_process(dsn: str, **settings: Any) -> AsyncIterator[tuple[Network, MovableMarket]]:
    """What any process has of the market."""
    chosen = load(database_url=dsn, **settings)
    network = open_network(chosen)
    async with open_market(chosen, network) as market:
        assert market is not None
        yield network, market


async def test_a_price_holds_at_the_same_slot_in_every_process(engine: Engine, postgres_dsn: str) -> None:
    async with another_process(postgres_dsn) as (running, _):
        before = await mids(engine)
        told = await moved(engine, price="150.25")
        slot = told["fromSlot"]
        assert told == PAIR | {"price": 150.25, "fromSlot": slot}
        assert before["slot"] + 2 <= slot <= before["slot"] + 4

        async def is_known() -> bool:
            return prices(running, slot) == [Decimal("150.25")] * 2

        await eventually(is_known, within=READ_SECONDS - 1)  # long before it would ask by itself
        assert Decimal("150.25") not in prices(running, slot - 1)
    async with another_process(postgres_dsn) as (started_later, _):
        assert prices(started_later, slot) == [Decimal("150.25")] * 2
        assert prices(started_later, slot - 1) == prices(running, slot - 1)
    now = await once_it_holds(engine, slot)
    assert now["mids"] == [{"venue": "raydium", "price": 150.25}, {"venue": "meteora", "price": 150.25}]
    assert (before["setByHand"], now["setByHand"]) == (False, True)


async def test_a_process_that_lost_its_connection_learns_what_it_missed(engine: Engine, postgres_dsn: str) -> None:
    async with another_process(postgres_dsn) as (running, _):
        lost = await engine.postgres.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND query LIKE '%FROM chain.launches WHERE%'"
        )
        assert lost >= 2
        slot = (await moved(engine, price="151"))["fromSlot"]

        async def is_known() -> bool:
            return prices(running, slot) == [Decimal("151")] * 2

        await eventually(is_known)


async def test_moves_that_come_at_once_from_several_processes_add_up(postgres_dsn: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(another_process(postgres_dsn)) for _ in range(4)]
        networks, markets = zip(*opened, strict=True)
        sol, usdc = networks[0].markets.token("SOL"), networks[0].markets.token("USDC")
        await markets[0].set_price(sol, usdc, Decimal(100))
        done = await asyncio.gather(*(market.move(sol, usdc, 1_000) for market in markets for _ in range(2)))
        assert sorted(one.price for one in done) == [100 * Decimal("1.1") ** n for n in range(1, 9)]


async def test_a_move_starts_from_the_middle_of_both_venues(engine: Engine) -> None:
    bonk = {"tokenIn": "BONK", "tokenOut": "SOL"}
    told = await moved(engine, **bonk, moveBps=-100)
    network = open_network(engine.settings)
    own = network.mids(network.markets.token("BONK"), network.markets.token("SOL"), told["fromSlot"]).values()
    assert told["price"] == pytest.approx(float(sum(own) / 2) * 0.99, rel=1e-9)


async def test_an_order_fills_at_the_price_that_was_set_and_a_release_ends_it(
    postgres_dsn: str, redis_dsn: str
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=100) as engine:
        await engine.start_worker()
        await once_it_holds(engine, (await moved(engine, price="75.5"))["fromSlot"])
        quote = (await engine.http.get("/api/quotes", params=PAIR | {"amount": "1"})).json()
        order = (await engine.place(amount=1))["orderId"]
        building, *_, confirmed = (await engine.read_stream(order)).events[2:]
        assert building["price"] == quote["price"]
        assert Decimal("75.5") * Decimal("0.996") < Decimal(confirmed["amountOut"]) < Decimal("75.5")
        assert (await engine.order(order))["valueUsd"] == "75.5"
        slot = (await engine.http.delete("/api/simulate/market")).json()["fromSlot"]
        now = await once_it_holds(engine, slot)
        assert now["setByHand"] is False
        assert all(price["price"] > 140 for price in now["mids"])


async def test_a_limit_order_fires_within_seconds_when_the_market_is_moved(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn) as engine, watcher(engine.settings):
        await engine.start_worker()
        await once_it_holds(engine, (await moved(engine, price="150"))["fromSlot"])
        order = await engine.place(orderType="limit", limitPrice="155")
        assert order["status"] == "open"
        slot = (await moved(engine, price="160"))["fromSlot"]
        events = (await engine.read_stream(order["orderId"])).events
        assert [event["status"] for event in events] == ["open", *HAPPY]
        assert events[1]["trigger"]["slot"] >= slot
        assert Decimal(events[-1]["amountOut"]) >= Decimal("1.5") * 155


async def test_a_price_outlives_a_restart(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        slot = (await moved(engine, price="160"))["fromSlot"]
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        assert {price["price"] for price in (await once_it_holds(engine, slot))["mids"]} == {160}


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"tokenIn": "RAY", "price": "2"}, "/tokenOut", "BONK/SOL, JUP/SOL, JUP/USDC, RAY/SOL, SOL/USDC, SOL/USDT"),
    ({"tokenIn": "sol", "price": "2"}, "/tokenIn", "did you mean SOL?"),
    ({"tokenOut": "SOL", "price": "2"}, "/tokenOut", "cannot be swapped"),
    ({}, "/price", "either price or moveBps"),
    ({"price": "150", "moveBps": 1}, "/price", "either price or moveBps"),
    ({"price": "0"}, "/price", "greater than zero"),
    ({"price": "1e3"}, "/price", "plain decimal"),
    ({"price": "1"}, "/price", "100 times"),
    ({"moveBps": -9_901}, "/moveBps", "greater than or equal"),
    ({"moveBps": 100_001}, "/moveBps", "less than or equal"),
    ({"moveBps": 1.5}, "/moveBps", "integer"),
]


async def test_a_wrong_move_is_told_what_to_change(engine: Engine) -> None:
    for fields, pointer, says in WRONG:
        answer = await move(engine, **fields)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), fields
        [error] = answer.json()["errors"]
        assert error["pointer"] == pointer, fields
        assert says in error["message"]
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.set_prices") == 0


async def test_every_move_is_on_the_audit_log(engine: Engine) -> None:
    await moved(engine, price="150")
    await engine.http.delete("/api/simulate/market")
    entries = await engine.postgres.fetch("SELECT action, details FROM audit_log WHERE outcome = 'begun' ORDER BY id")
    assert [entry["action"] for entry in entries] == ["simulate.market", "simulate.release"]
    assert orjson.loads(entries[0]["details"]) == PAIR | {"price": "150", "moveBps": None}


async def test_old_prices_do_not_pile_up(postgres_dsn: str) -> None:
    async with another_process(postgres_dsn) as (network, market):
        sol, usdc, usdt = (network.markets.token(one) for one in ("SOL", "USDC", "USDT"))
        postgres = await asyncpg.connect(postgres_dsn)
        for price in ("150", "151", "152"):
            await market.set_price(sol, usdc, Decimal(price))
        await market.set_price(sol, usdt, Decimal("149"))
        await postgres.execute("UPDATE chain.set_prices SET from_ms = from_ms - 100000")
        await market.set_price(usdc, sol, Decimal("0.008"))
        kept = await postgres.fetch("SELECT price FROM chain.set_prices ORDER BY id")
        assert [str(row["price"]) for row in kept] == ["152", "149", "0.008"]
        await postgres.close()
