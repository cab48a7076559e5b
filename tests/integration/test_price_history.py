"""The prices of the last week: kept by watchers, read in steps."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg
import orjson
import pytest

from app.api.routes.prices import Prices
from app.orders.waiting.price_history import MOST_POINTS, PriceHistory
from app.watcher.main import watcher
from tests.engine import Engine, eventually, running_engine
from tests.integration.test_api_market import checked

PAIR = {"tokenIn": "SOL", "tokenOut": "USDC"}
KEY = "SOL-USDC"


def at(**ago: float) -> datetime:
    """A whole minute, not of the present one."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(**{"minutes": 1, **ago})


async def sampled(pool: asyncpg.Pool, moment: datetime, **mids: str) -> None:
    await pool.execute("INSERT INTO price_samples VALUES ($1, $2, $3)", moment, KEY, orjson.dumps(mids).decode())


async def take(pool: asyncpg.Pool, price: str = "150", pairs: Sequence[str] = (KEY,)) -> float:
    async def mids_at(_: datetime) -> Mapping[str, Mapping[str, Decimal]]:
        await asyncio.sleep(0)
        return {pair: {"meteora": Decimal(price)} for pair in pairs}

    return await PriceHistory(pool).sample(mids_at)


async def test_a_watcher_samples_what_the_market_says(engine: Engine) -> None:
    async def points(token_in: str, token_out: str) -> list[dict[str, float]]:
        query = {"tokenIn": token_in, "tokenOut": token_out, "step": "10"}
        return [one["prices"] for one in checked(await engine.http.get("/api/prices", params=query), Prices)["points"]]

    async with watcher(engine.settings):
        [there] = await eventually(lambda: points("SOL", "USDC"))
    [back], [hops] = await points("USDC", "SOL"), await points("JUP", "SOL")
    assert there.keys() == back.keys() == hops.keys() == {"meteora", "raydium"}
    for venue, price in there.items():
        assert back[venue] == pytest.approx(1 / price)
    now = (await engine.http.get("/api/market", params=PAIR)).json()
    assert there == pytest.approx({one["venue"]: one["price"] for one in now["mids"]}, rel=0.02)
    assert abs(datetime.fromisoformat(now["at"]) - datetime.now(UTC)) < timedelta(seconds=5)


async def test_a_step_has_its_last_prices_and_a_time_without_any_is_missing(engine: Engine) -> None:
    first, third = at(minutes=9), at(minutes=7)
    await sampled(engine.postgres, first, meteora="1", raydium="2")
    await sampled(engine.postgres, first + timedelta(seconds=40), meteora="3", raydium="4")
    await sampled(engine.postgres, first + timedelta(seconds=60), meteora="9")
    await sampled(engine.postgres, third + timedelta(seconds=20), meteora="5")  # raydium was down
    query = PAIR | {"step": "60", "from": first.isoformat()}
    told = checked(await engine.http.get("/api/prices", params=query), Prices)
    seen = [(datetime.fromisoformat(one["at"]), one["prices"]) for one in told["points"]]
    second = first + timedelta(minutes=1)
    assert seen == [(first, {"meteora": 3, "raydium": 4}), (second, {"meteora": 9}), (third, {"meteora": 5})]
    told = checked(await engine.http.get("/api/prices", params=query | {"from": third.isoformat()}), Prices)
    assert [one["prices"] for one in told["points"]] == [{"meteora": 5}]


async def test_a_request_for_more_points_than_an_answer_has_says_which_step_to_take(engine: Engine) -> None:
    since = datetime.now(UTC) - timedelta(hours=6)
    query = PAIR | {"step": "10", "from": since.isoformat()}
    refused = (await engine.http.get("/api/prices", params=query)).json()
    [error] = refused["errors"]
    assert error["pointer"] == "/query/from"
    step = error["message"].rpartition(" ")[2]
    assert (await engine.http.get("/api/prices", params=query | {"step": step})).status_code == 200
    just = {"from": (datetime.now(UTC) - MOST_POINTS * timedelta(seconds=10)).isoformat()}
    assert (await engine.http.get("/api/prices", params=query | just)).status_code == 200
    for wrong in ("15", "9", "86401", "x"):
        answer = await engine.http.get("/api/prices", params=PAIR | {"step": wrong})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/step"), wrong
    for extreme in ("0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "2026-01-01", "1700000000"):
        answer = await engine.http.get("/api/prices", params=PAIR | {"from": extreme, "step": "3600"})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/from"), extreme


async def test_a_long_answer_counts_as_several_reads(postgres_dsn: str, redis_dsn: str) -> None:
    """It keeps the process busy for longer than the others do."""
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=30) as engine:
        since = datetime.now(UTC) - timedelta(minutes=75, seconds=5)
        answer = await engine.http.get("/api/prices", params=PAIR | {"step": "60", "from": since.isoformat()})
        assert (answer.status_code, answer.headers["ratelimit"].split(";")[1]) == (200, "r=28")
        statuses = [(await engine.http.get("/api/prices", params=PAIR)).status_code for _ in range(2)]
    assert statuses == [200, 429]  # 1,000 steps: 21 reads


async def test_a_quota_of_few_reads_allows_a_long_answer(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=3) as engine:
        assert (await engine.http.get("/api/prices", params=PAIR)).status_code == 200


async def test_an_answer_is_bounded(pool: asyncpg.Pool, engine: Engine) -> None:
    await pool.execute(
        "INSERT INTO price_samples SELECT date_bin('10 s', now(), 'epoch') - n * interval '10 s', $1, $2"
        "  FROM generate_series(0, $3) AS n",
        *(KEY, '{"meteora": "1"}', MOST_POINTS + 10),
    )
    told = checked(await engine.http.get("/api/prices", params=PAIR | {"step": "10"}), Prices)
    assert len(told["points"]) == MOST_POINTS


async def test_several_watchers_take_one_sample(pool: asyncpg.Pool) -> None:
    rests = await asyncio.gather(*(take(pool, str(n)) for n in range(1, 6)))
    assert all(0 < rest <= 10 for rest in rests)
    rows = await pool.fetch("SELECT at FROM price_samples")
    assert len(rows) == len({row["at"] for row in rows}) <= 2  # two if a new time began meanwhile
    await take(pool, "7")
    assert len(await pool.fetch("SELECT FROM price_samples")) <= len(rows) + 1


async def test_a_watcher_samples_the_pairs_of_which_the_first_one_had_no_price(pool: asyncpg.Pool) -> None:
    await take(pool)
    await take(pool, "7", [KEY, "JUP-USDC"])
    assert await pool.fetchval("SELECT count(DISTINCT pair) FROM price_samples") == 2


async def test_samples_are_kept_for_three_hours_then_by_the_minute_for_a_week(pool: asyncpg.Pool) -> None:
    minute = at(hours=3, minutes=3)
    kept = [at(days=6), minute, at(hours=2) + timedelta(seconds=10)]
    gone = [at(days=7, minutes=2), minute + timedelta(seconds=10), minute + timedelta(seconds=50), at(minutes=-10)]
    for moment in kept + gone:
        await sampled(pool, moment, meteora="1")
    await take(pool)
    left = {row["at"] for row in await pool.fetch("SELECT at FROM price_samples")}
    assert left > set(kept)
    assert left.isdisjoint(gone)
