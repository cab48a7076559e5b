"""Reads have a quota, take turns, and end in time: no caller's reads delay the engine itself or other callers."""

import asyncio
import contextlib
from typing import Any

import asyncpg
import orjson
import pytest

from app.access import read_turns
from app.orders.events.publisher import BACKLOG
from app.orders.store import reads
from app.postgres import pools, running
from tests.engine import SELL_SOL, Engine, eventually, read_to_end, running_engine

LIST = "/api/orders"
UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"
ORDER = orjson.dumps(SELL_SOL).decode()
LONG_LOG = """
INSERT INTO order_events (order_id, seq, status, attempt, at)
SELECT order_id, n, status, 0, now() FROM order_events, generate_series(2, 250) AS n;
"""
PAIR = {"tokenIn": "SOL", "tokenOut": "USDC"}
QUERY = {
    "/api/market": PAIR,
    "/api/prices": PAIR,
    "/api/quotes": {**PAIR, "amount": "1"},
    "/api/simulate/mint": {"symbol": "WIF"},
}


async def test_every_read_of_a_caller_counts(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=1000) as engine:
        paths = (await engine.http.get("/openapi.json")).json()["paths"]
        callers = [path for path, calls in paths.items() if "401" in calls.get("get", {}).get("responses", {})]
        assert {LIST, "/api/orders/{order_id}", "/api/quotes", "/api/dlq/stats", "/api/queue"} <= set(callers)
        for path in callers:
            answer = await engine.http.get(path.replace("{order_id}", UNKNOWN), params=QUERY.get(path, {}))
            assert answer.headers.get("ratelimit-policy") == '"reads";q=1000;w=60', path
            assert "429" in paths[path]["get"]["responses"], path
        for path in ("/health/ready", "/api/pools", "/"):
            assert "ratelimit" not in (await engine.http.get(path)).headers, path


async def test_beyond_the_quota_reads_are_refused_and_orders_are_not(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=3) as engine:
        answers = [await engine.http.get(LIST) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200] * 3 + [429]
        assert answers[-1].json()["code"] == "too_many_reads"
        assert answers[-1].json()["retryable"] is True
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
        assert (await engine.http.post("/api/orders/execute", json=SELL_SOL)).status_code == 202


async def test_a_long_log_counts_as_several_reads_and_a_quota_of_few_allows_it(
    postgres_dsn: str, redis_dsn: str
) -> None:
    """It keeps the process busy for longer than others do."""
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=2) as engine:
        order = (await engine.place())["orderId"]
        await engine.postgres.execute(f"{LONG_LOG} UPDATE orders SET seq = 250")
        answer = await engine.http.get(f"/api/orders/{order}")
        assert (answer.status_code, len(answer.json()["events"])) == (200, 250)
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=30) as engine:
        left = []
        for path in ("", "/events", "/history", "/events?after=200"):
            answer = await engine.http.get(f"/api/orders/{order}{path}")
            left.append(answer.headers["ratelimit"].split(";")[1])
        assert left == ["r=27", "r=24", "r=21", "r=20"]


async def test_so_it_does_on_each_kind_of_socket(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=30) as engine:
        order = (await engine.place())["orderId"]
        await engine.redis.delete(BACKLOG + order)
        await engine.postgres.execute(f"{LONG_LOG} UPDATE orders SET seq = 250")
        subscribe = orjson.dumps({"op": "subscribe", "orders": [order]}).decode()
        left = []
        for path, frames in (("/api/stream", 251), (f"/api/orders/execute?orderId={order}", 250)):
            async with asyncio.timeout(5), engine.socket(path) as ws:
                if frames > 250:
                    await ws.send(subscribe)
                got = [orjson.loads(await ws.recv()) for _ in range(frames)][-250:]
            assert [event["seq"] for event in got] == list(range(1, 251))
            assert all(event.get("replay", True) for event in got)
            left.append((await engine.http.get("/api/limits")).headers["ratelimit"].split(";")[1])
        assert left == ["r=27", "r=23"]
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=3) as engine:
        await engine.http.get(LIST)
        await engine.http.get(LIST)
        async with asyncio.timeout(5), engine.socket("/api/stream") as ws:
            await ws.send(subscribe)
            assert orjson.loads(await ws.recv())["code"] == "too_many_reads"
        async with asyncio.timeout(5), engine.socket(f"/api/orders/execute?orderId={order}") as ws:
            assert (await read_to_end(ws)).code == 4429


async def test_each_socket_that_replays_a_log_is_a_read_and_so_is_a_ticket_for_an_order(
    postgres_dsn: str, redis_dsn: str
) -> None:
    async with running_engine(postgres_dsn, redis_dsn, api_max_reads_per_min=3) as engine:
        order = (await engine.place())["orderId"]
        for path in (f"/order/{order}", f"/api/orders/{order}/status"):
            async with asyncio.timeout(5), engine.socket(path) as ws:
                await ws.recv()
        assert (await engine.http.post("/api/tickets", json={"orderId": order})).status_code == 200
        refused = await engine.http.post("/api/tickets", json={"orderId": order})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_reads")
        for path in (f"/api/orders/execute?orderId={order}", f"/api/orders/{order}/ws", f"/ws/{order}"):
            async with asyncio.timeout(5), engine.socket(path) as ws:
                stream = await read_to_end(ws)
            assert (stream.events, stream.code) == ([], 4429), path
        # What the page needs, and placing an order, are no reads.
        assert (await engine.http.post("/api/tickets", json={"scope": "stream"})).status_code == 200
        for path, message in (("/api/stream", '{"op":"subscribe","orders":"all"}'), ("/api/orders/execute", ORDER)):
            async with asyncio.timeout(5), engine.socket(path) as ws:
                await ws.send(message)
                assert {"type", "orderId"} & orjson.loads(await ws.recv()).keys()


async def test_slow_reads_end_in_time_and_leave_the_engine_its_connections(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "READ_SECONDS", 2.0)
    monkeypatch.setattr(read_turns, "WAIT_SECONDS", 0.5)
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        await engine.http.get(LIST)  # connects
        async with engine.postgres.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE orders")  # every list now takes for ever
            lists = [asyncio.create_task(engine.http.get(LIST)) for _ in range(100)]
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass"

            async def blocked() -> bool:
                return bool(await connection.fetchval(waiting) >= read_turns.AT_ONCE)

            await eventually(blocked)
            health = (await engine.http.get("/health")).json()
            assert health["postgres"] == "up"
            answers = await asyncio.gather(*lists)
        by_code: dict[str, Any] = {answer.json()["code"]: answer for answer in answers}
        assert set(by_code) == {"read_too_slow", "too_many_reads"}
        assert by_code["read_too_slow"].status_code == 503
        assert by_code["too_many_reads"].status_code == 429
        for answer in by_code.values():
            assert answer.json()["retryable"] is True
            assert int(answer.headers["retry-after"]) > 0
        assert (await engine.http.get(LIST)).status_code == 200


async def test_the_subscriptions_of_a_caller_take_turns_like_lists(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_turns, "WAIT_SECONDS", 0.5)
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(engine.socket("/api/stream")) for _ in range(read_turns.AT_ONCE + 1)]
        async with engine.postgres.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE orders")
            for socket in sockets:
                await socket.send('{"op":"subscribe","orders":"all"}')
            answers = [asyncio.create_task(socket.recv()) for socket in sockets]
            done, waiting = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED, timeout=2)
        assert [orjson.loads(one.result())["code"] for one in done] == ["too_many_reads"]
        assert {orjson.loads(await one)["type"] for one in waiting} == {"subscribed"}


async def test_a_rare_filter_looks_at_a_bounded_number_of_orders_per_page(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "SCAN_ROWS", 5)
    rare = {"tokenIn": "RAY", "tokenOut": "USDC"}
    placed = [await engine.place(**(rare if n in (1, 2, 17) else {})) for n in range(23)]
    expected = [placed[n]["orderId"] for n in (17, 2, 1)]
    pages: list[list[str]] = []
    query: dict[str, Any] = {"tokenIn": "RAY", "limit": 1}
    while True:
        page = (await engine.http.get(LIST, params=query)).json()
        pages.append([order["orderId"] for order in page["orders"]])
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
        await engine.place(**rare)  # newer than the first page: no page shifts
    assert [order for page in pages for order in page] == expected
    assert pages[0] == []  # orders 18 to 22 were looked at
    for status in (None, "pending"):  # an index serves these: their pages are full
        page = (await engine.http.get(LIST, params={"limit": 12, "status": status} if status else {"limit": 12})).json()
        assert len(page["orders"]) == 12


async def test_quotes_that_come_at_once_take_one_connection_for_the_time(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def fetch(pool: asyncpg.Pool, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        nonlocal asked
        asked += sql == reads.NOW and pool.get_max_size() > pools.MAX_INTERNAL
        return await running.fetch(pool, sql, *arguments)

    monkeypatch.setattr(reads, "fetch", fetch)
    async with running_engine(postgres_dsn, redis_dsn) as engine:
        quotes = (engine.http.get("/api/quotes", params=QUERY["/api/quotes"]) for _ in range(50))
        assert {answer.status_code for answer in await asyncio.gather(*quotes)} == {200}
        assert 1 <= asked < 25
