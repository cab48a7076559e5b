"""Risk limits: no order, and no day of an owner, is worth more than its limit, by whichever way the orders come in."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.api.routes.limits import Limits
from app.orders import intake
from app.orders.model import Placed, PlaceOrder, TradingStopped, new_order_id
from app.orders.risk import UNITS, RiskLimitExceeded, RiskLimits
from app.orders.store.writes import OrderStore
from tests.engine import SELL_SOL, Engine, eventually, running_engine
from tests.fakes import ScriptedChain, ScriptedVenue

SELL_USDC = {"tokenIn": "USDC", "tokenOut": "SOL"}  # a USDC is a dollar, so that values are round

ORDER = PlaceOrder(
    id=new_order_id(),
    owner="me",
    type="market",
    token_in="USDC",
    token_out="SOL",
    amount_in=60 * UNITS,
    slippage_bps=50,
    usd_value=60 * UNITS,
    idempotency_key="old",
    fingerprint=b"same",
    request_id="-",
)

LOCK = "SELECT lock_days($1)"
WAITS = """
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
 WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted
"""
REDUCE = "INSERT INTO trading_states (scope, state, reason, set_by, set_at) VALUES ('me', 'reducing', '', '', now())"

pytestmark = pytest.mark.usefixtures("primed_queue")


async def sell(engine: Engine, usdc: int, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await engine.http.post("/api/orders/execute", json=SELL_USDC | {"amount": usdc}, headers=headers)


async def limits_of(engine: Engine, **options: Any) -> dict[str, Any]:
    answer = await engine.http.get("/api/limits", **options)
    assert Limits.model_validate(answer.json(), by_alias=True, by_name=False, strict=False)
    return answer.json()  # type: ignore[no-any-return]


async def test_every_way_in_refuses_an_order_that_is_worth_too_much(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_order_usd=100) as engine:
        sided = {"side": "sell", "inputToken": "SOL", "outputToken": "USDC", "amount": 1}
        refused = {
            "execute": await engine.http.post("/api/orders/execute", json=SELL_SOL),
            "side": await engine.http.post("/api/orders/execute", json=sided),
            "legacy": await engine.http.post("/order", json=SELL_SOL),
            "drill": await engine.http.post("/test/dlq"),
            "drills": await engine.http.post("/test/dlq/bulk"),
        }
        for way, answer in refused.items():
            assert (answer.status_code, answer.json()["code"]) == (422, "risk_limit"), way
            assert answer.json()["retryable"] is False
        assert "one order may be worth at most 100 USD" in refused["execute"].json()["detail"]
        assert "worth 22" in refused["execute"].json()["detail"]

        batch = [SELL_USDC | {"amount": 101}, SELL_USDC | {"amount": 100}]
        results = (await engine.http.post("/api/orders/batch", json={"orders": batch})).json()["results"]
        assert [result.get("code", result["status"]) for result in results] == ["risk_limit", "pending"]
        assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 1


async def test_a_retried_dead_letter_keeps_the_limit_of_its_owner(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_order_usd=1_000) as engine:
        dead = (await sell(engine, 500)).json()["orderId"]
        await engine.postgres.execute("UPDATE orders SET status = 'failed', max_order_usd = 400")
        answer = await engine.http.post(f"/api/dlq/{dead}/retry")
        assert (answer.status_code, answer.json()["code"]) == (422, "risk_limit")
        await engine.postgres.execute("UPDATE orders SET max_order_usd = 500")
        assert (await engine.http.post(f"/api/dlq/{dead}/retry")).status_code == 202
        kept = await engine.postgres.fetch("SELECT max_order_usd, usd_value FROM orders ORDER BY created_at")
        assert [tuple(row) for row in kept] == [(500, 500 * UNITS)] * 2


async def test_the_orders_of_a_day_are_worth_at_most_the_daily_limit(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=100) as engine:
        first = (await sell(engine, 60, "first")).json()["orderId"]
        refused = await sell(engine, 60)
        assert (refused.status_code, refused.json()["code"]) == (429, "risk_limit")
        assert "worth 60 USD. Your orders may be worth 100 USD a day, and today's are worth 60 USD" in refused.text
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0) + timedelta(days=1)
        assert 0 < int(refused.headers["retry-after"]) <= (midnight - datetime.now(UTC)).total_seconds() + 2

        # What was refused and what was repeated takes nothing; what was cancelled gives nothing back.
        repeated = await sell(engine, 60, "first")
        assert (repeated.status_code, repeated.json()["orderId"]) == (200, first)
        assert (await engine.http.post(f"/api/orders/{first}/cancel")).status_code == 200
        assert (await sell(engine, 41)).status_code == 429
        assert (await sell(engine, 40)).status_code == 202
        assert (await engine.http.post("/test/dlq")).status_code == 429
        assert (await sell(engine, 60, "first")).status_code == 200

        risk = (await limits_of(engine))["risk"]
        assert (risk["maxOrderUsd"], risk["maxDailyUsd"], risk["usedTodayUsd"]) == (None, 100, "100")
        await engine.postgres.execute("UPDATE daily_volumes SET day = day - 1")
        assert (await sell(engine, 100)).status_code == 202  # a new day


async def test_orders_that_race_do_not_pass_the_daily_limit(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=100) as engine:
        answers = await asyncio.gather(*(sell(engine, 30) for _ in range(20)))
        assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 17


async def test_processes_share_the_day_and_a_restart_does_not_forget_it(postgres_dsn: str, redis_dsn: str) -> None:
    async with (
        running_engine(postgres_dsn, redis_dsn, max_daily_usd=100) as one,
        running_engine(postgres_dsn, redis_dsn, max_daily_usd=100) as other,
    ):
        assert (await sell(one, 50)).status_code == 202
        assert (await sell(other, 40)).status_code == 202
        assert [(await sell(engine, 11)).status_code for engine in (one, other)] == [429, 429]
        assert await one.postgres.fetchval("SELECT count(*) FROM daily_volumes") == 2  # none waits for the other
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=100) as restarted:
        assert (await sell(restarted, 11)).status_code == 429
        assert (await sell(restarted, 10)).status_code == 202


async def test_processes_that_race_do_not_pass_the_daily_limit_together(postgres_dsn: str, redis_dsn: str) -> None:
    async with (
        running_engine(postgres_dsn, redis_dsn, max_daily_usd=100) as one,
        running_engine(postgres_dsn, redis_dsn, max_daily_usd=100) as other,
    ):
        answers = await asyncio.gather(*(sell(engine, 15) for _ in range(10) for engine in (one, other)))
        codes = [answer.status_code for answer in answers]
        assert (codes.count(202), codes.count(429)) == (6, 14)


async def test_a_process_that_keeps_the_lock_of_a_day_stops_the_others_for_seconds_only(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "GIVE_UP_SECONDS", -1.0)
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=100) as engine:
        frozen = await asyncpg.connect(postgres_dsn)
        async with frozen.transaction():
            await frozen.execute(LOCK, ["local"])
            assert (await asyncio.wait_for(sell(engine, 15), 4)).status_code == 503
        await frozen.close()
        assert (await sell(engine, 15)).status_code == 202


async def test_owners_without_a_daily_limit_do_not_wait_for_the_lock_of_a_day(postgres_dsn: str) -> None:
    free = replace(ORDER, owner="free", idempotency_key=None, max_daily_usd=0)
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=3) as pool:
        store = OrderStore(pool, limits=RiskLimits(daily_usd=130))
        async with pool.acquire() as frozen, frozen.transaction():
            await frozen.execute(LOCK, ["me"])
            limited = asyncio.create_task(store.place(ORDER))
            for _ in range(2):  # in the same batch as the limited one, and behind it
                await asyncio.wait_for(store.place(replace(free, id=new_order_id())), 1)
            assert not limited.done()
        assert isinstance(await limited, Placed)


async def test_a_row_of_a_day_that_somebody_has_locked_stops_no_order(engine: Engine) -> None:
    assert (await sell(engine, 15)).status_code == 202
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM daily_volumes FOR UPDATE")
        assert (await sell(engine, 15)).status_code == 202
    assert await engine.postgres.fetchval("SELECT sum(usd) FROM daily_volumes") == 30 * UNITS


async def test_an_order_that_waits_for_the_lock_of_a_day_sees_that_trading_was_stopped(postgres_dsn: str) -> None:
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=3) as pool:
        store = OrderStore(pool, limits=RiskLimits(daily_usd=130))
        async with pool.acquire() as frozen, frozen.transaction():
            await frozen.execute(LOCK, ["me"])
            waits = asyncio.create_task(store.place(ORDER))
            await eventually(lambda: pool.fetchval(WAITS))
            await pool.execute(REDUCE)
        with pytest.raises(TradingStopped):
            await waits


async def test_a_repeat_in_the_same_statement_takes_nothing_from_the_day(postgres_dsn: str) -> None:
    old = replace(ORDER, id=new_order_id())
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=1) as pool:
        store = OrderStore(pool, limits=RiskLimits(daily_usd=130))
        await store.place(old)
        repeat, new = replace(old, id=new_order_id()), replace(old, id=new_order_id(), idempotency_key="new")
        # The answer to `old` was lost; its client sends it again, twice, before the order that fits.
        results = await asyncio.gather(
            *(store.place(order) for order in (old, repeat, new, replace(new, id=new_order_id(), idempotency_key="x"))),
            return_exceptions=True,
        )
        assert await pool.fetchval("SELECT sum(usd) FROM daily_volumes") == 120 * UNITS
    assert [isinstance(result, Placed) and result.idempotent for result in results] == [False, True, False, False]
    assert isinstance(results[2], Placed)
    assert isinstance(results[3], RiskLimitExceeded)
    assert results[3].used == 120 * UNITS


async def test_an_order_shows_what_it_was_worth_when_it_was_accepted(engine: Engine) -> None:
    placed = await engine.place(**SELL_USDC, amount="12.34")
    assert (await engine.order(placed["orderId"]))["valueUsd"] == "12.34"


async def test_an_order_that_became_worth_too_much_is_not_signed(engine: Engine) -> None:
    chain = ScriptedChain()
    await engine.start_worker(venues=[ScriptedVenue("raydium", [10**9])], chain=chain, max_order_usd=100)
    within = await engine.read_stream((await engine.place(**SELL_USDC, amount=105))["orderId"])
    assert within.statuses[-1] == "confirmed"  # five percent above the limit are tolerated
    beyond = await engine.read_stream((await engine.place(**SELL_USDC, amount="105.000001"))["orderId"])
    assert beyond.statuses == ["pending", "routing", "building", "failed"]
    assert beyond.events[-1]["code"] == "risk_limit"
    assert beyond.events[-1]["attempt"] == 1
    assert beyond.events[-1]["error"] == "the order is now worth 105.000001 USD, and the limit is 100 USD"
    assert len(chain.signed) == 1
