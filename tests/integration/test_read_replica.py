"""DATABASE_READ_URL. In the quick test another, empty database stands for a replica that is far behind."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from app.postgres import hosts
from tests.engine import HAPPY, Engine, eventually, running_engine
from tests.postgres_pair import Pair, running_pair


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setattr(hosts, "_newest", {})  # all servers of the tests are copies of one
    with running_pair() as started:
        yield started


async def listed(engine: Engine) -> list[str]:
    answer = await engine.http.get("/api/orders")
    assert answer.status_code == 200, answer.text
    return [order["orderId"] for order in answer.json()["orders"]]


async def get(engine: Engine, path: str) -> Any:
    answer = await engine.http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_lists_dead_letters_and_the_pace_come_from_the_replica_and_all_else_does_not(
    postgres_dsn: str, new_postgres_dsn: str, redis_dsn: str, primed_queue: None
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, database_read_url=new_postgres_dsn) as engine:
        await engine.start_worker()
        order = (await engine.place())["orderId"]
        failed = (await engine.http.post("/test/dlq")).json()["orderId"]
        assert (await engine.read_stream(order)).statuses == HAPPY
        assert (await engine.read_stream(failed)).statuses[-1] == "failed"

        assert (await engine.order(order))["status"] == "confirmed"
        assert len(await get(engine, f"/api/orders/{order}/events")) == len(HAPPY)
        assert await listed(engine) == []
        assert (await get(engine, "/api/dlq/stats"))["totalFailed"] == 0
        assert (await get(engine, "/api/queue"))["ordersPerMinute"] == 0

        assert (await engine.http.delete("/api/dlq/clear")).json()["clearedCount"] == 1


@pytest.mark.slow
async def test_a_replica_that_is_behind_and_then_gone(pair: Pair, redis_dsn: str, primed_queue: None) -> None:
    replica = pair.standby.url.replace("/order_", f",127.0.0.1:{pair.primary.port}/order_")
    async with (
        running_engine(pair.primary.url, redis_dsn, database_read_url=replica) as engine,
        asyncpg.create_pool(pair.standby.url, min_size=0) as standby,
    ):
        await engine.start_worker()
        first = (await engine.place())["orderId"]

        async def replicated() -> bool:
            return await listed(engine) == [first]

        await eventually(replicated)
        await standby.execute("SELECT pg_wal_replay_pause()")
        second = (await engine.place())["orderId"]
        assert (await engine.read_stream(second)).statuses == HAPPY
        assert await listed(engine) == [first]

        await pair.on_primary("ALTER SYSTEM RESET synchronous_standby_names")
        await pair.on_primary("SELECT pg_reload_conf()")
        standby.terminate()
        pair.kill(pair.standby)

        async def from_the_primary() -> bool:
            answer = await engine.http.get("/api/orders")
            return answer.status_code == 200 and len(answer.json()["orders"]) == 2

        await eventually(from_the_primary)
