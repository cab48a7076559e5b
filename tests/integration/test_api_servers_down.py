"""With Redis down everything continues. With Postgres down callers are told to repeat their requests later."""

import asyncio
import socket
import time
from collections.abc import Iterator
from datetime import datetime

import asyncpg
import orjson
import pytest

from app.orders.events.feed import HEAL_SECONDS
from app.orders.store.reads import OrderReader
from app.postgres.errors import DatabaseUnavailable
from tests.engine import HAPPY, SELL_SOL, Engine, read_to_end, running_engine

RECONNECT = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
 WHERE datname = current_database() AND application_name = 'order-execution-engine'
"""
UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"


@pytest.fixture
def unused_address() -> Iterator[str]:
    """An address on which no server listens, and none can start to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


async def test_without_postgres_every_call_is_a_503_with_retry_after(unused_address: str, redis_dsn: str) -> None:
    async with running_engine(f"postgresql://postgres@{unused_address}/engine", redis_dsn) as engine:
        calls = [
            engine.http.post("/api/orders/execute", json=SELL_SOL),
            engine.http.get("/api/orders"),
            engine.http.get(f"/api/orders/{UNKNOWN}"),
            engine.http.get(f"/api/orders/{UNKNOWN}/events"),
            engine.http.get(f"/api/orders/{UNKNOWN}/events", headers={"Accept": "text/event-stream"}),
            engine.http.get(f"/api/orders/{UNKNOWN}/connections"),
            engine.http.post(f"/api/orders/{UNKNOWN}/cancel"),
            engine.http.get("/api/quotes", params={"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}),
            engine.http.get("/api/queue"),
        ]
        for answer in await asyncio.gather(*calls):
            assert answer.status_code == 503, answer.request.url
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["code"] == "database_unavailable"
            assert answer.json()["retryable"] is True
        (item,) = (await engine.http.post("/api/orders/batch", json={"orders": [SELL_SOL]})).json()["results"]
        assert (item["status"], item["code"], item["retryable"]) == (503, "database_unavailable", True)


async def test_without_postgres_probes_report_it_and_the_rest_works(unused_address: str, redis_dsn: str) -> None:
    async with running_engine(f"postgresql://postgres@{unused_address}/engine", redis_dsn) as engine:
        ready = await engine.http.get("/health/ready")
        assert ready.status_code == 503
        assert (ready.json()["postgres"], ready.json()["reasons"][0]) == ("down", "postgres is down")
        for path in ("/health", "/health/live", "/metrics", "/docs", "/openapi.json", "/api/tokens", "/api/pools"):
            assert (await engine.http.get(path)).status_code == 200, path
        # An invalid order is refused without a database.
        assert (await engine.http.post("/api/orders/execute", json={})).status_code == 422


async def test_without_postgres_sockets_are_closed_with_1013(unused_address: str, redis_dsn: str) -> None:
    async with running_engine(f"postgresql://postgres@{unused_address}/engine", redis_dsn) as engine:
        async with engine.socket(f"/api/orders/execute?orderId={UNKNOWN}") as ws:
            assert (await read_to_end(ws)).code == 1013
        async with engine.socket("/api/stream") as ws:
            for orders in ([UNKNOWN], "all"):
                await ws.send(orjson.dumps({"op": "subscribe", "orders": orders}).decode())
                frame = orjson.loads(await asyncio.wait_for(ws.recv(), 5))
                assert (frame["type"], frame["code"]) == ("error", "database_unavailable")


async def test_a_database_that_does_not_exist_is_down(postgres_dsn: str, redis_dsn: str) -> None:
    async with running_engine(postgres_dsn.rpartition("/")[0] + "/there_is_none", redis_dsn) as engine:
        ready = await engine.http.get("/health/ready")
        assert (ready.status_code, ready.json()["postgres"]) == (503, "down")
        assert (await engine.http.post("/api/orders/execute", json=SELL_SOL)).status_code == 503


async def test_a_postgres_that_takes_no_writes_is_down(new_postgres_dsn: str, redis_dsn: str) -> None:
    """A provider makes it read-only when its disk is nearly full."""
    read_only = "ALTER DATABASE {} {} default_transaction_read_only {}"
    async with running_engine(new_postgres_dsn, redis_dsn) as engine, asyncpg.create_pool(new_postgres_dsn) as admin:
        await engine.start_worker()
        await engine.place()
        name = await admin.fetchval("SELECT quote_ident(current_database())")
        await admin.execute(read_only.format(name, "SET", "= on"))
        await admin.execute(RECONNECT)
        ready = (await engine.http.get("/health/ready")).json()
        assert (ready["postgres"], ready["reasons"]) == ("down", ["postgres takes no writes"])
        assert 'engine_server_up{server="postgres"} 0.0' in (await engine.http.get("/metrics")).text
        assert (await engine.http.post("/api/orders/execute", json=SELL_SOL)).status_code == 503
        await admin.execute(read_only.format(name, "RESET", ""))
        await admin.execute(RECONNECT)
        await engine.place()
        assert (await engine.http.get("/health/ready")).json()["ready"]


async def test_a_redis_that_takes_no_writes_is_down(engine: Engine) -> None:
    """Its memory is full. Workers and watchers cannot say that they live: it must not look as if none ran."""
    await engine.start_worker()
    try:
        await engine.redis.config_set("maxmemory", "1")
        ready = (await engine.http.get("/health/ready")).json()
        assert (ready["redis"], ready["workers"], ready["watchers"], ready["reasons"]) == ("down", None, None, [])
    finally:
        await engine.redis.config_set("maxmemory", "0")
    order = await engine.place()
    assert (await engine.read_stream(order["orderId"])).statuses == HAPPY


async def test_without_redis_orders_are_accepted_at_once_and_stored(postgres_dsn: str, unused_address: str) -> None:
    async with running_engine(postgres_dsn, f"redis://{unused_address}") as engine:
        began = time.monotonic()
        placed = [await engine.place(key="once") for _ in range(3)] + [await engine.place() for _ in range(3)]
        assert time.monotonic() - began < 2
        assert placed[0]["startsInMs"] is None
        assert await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE status = 'pending'") == 4
        assert len({order["orderId"] for order in placed}) == 4
        ready = (await engine.http.get("/health")).json()
        assert (ready["status"], ready["redis"], ready["workers"]) == ("ok", "down", None)
        assert (await engine.http.get("/health/ready")).status_code == 200
        answer = await engine.http.get("/api/queue")
        assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")
        answer = await engine.http.get(f"/api/orders/{placed[0]['orderId']}/connections")
        assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")


async def test_a_redis_that_hangs_does_not_delay_orders(postgres_dsn: str) -> None:
    """It accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with running_engine(postgres_dsn, f"redis://127.0.0.1:{silent.getsockname()[1]}") as engine:
            began = time.monotonic()
            order = await engine.place()
            assert time.monotonic() - began < 1
            assert (await engine.order(order["orderId"]))["status"] == "pending"


async def test_without_redis_streams_read_from_postgres(postgres_dsn: str, redis_dsn: str, unused_address: str) -> None:
    async with (
        running_engine(postgres_dsn, redis_dsn) as engine,
        running_engine(postgres_dsn, f"redis://{unused_address}") as without_redis,
    ):
        order = (await without_redis.place())["orderId"]

        async def events() -> list[str]:
            text = (
                await without_redis.http.get(f"/api/orders/{order}/events", headers={"Accept": "text/event-stream"})
            ).text
            return [orjson.loads(line[6:])["status"] for line in text.splitlines() if line.startswith("data: ")]

        async with without_redis.socket("/api/stream") as ws:
            await ws.send('{"op":"subscribe","orders":"all"}')
            assert orjson.loads(await ws.recv())["type"] == "subscribed"
            streams = asyncio.gather(without_redis.read_stream(order), events())
            later = await engine.place()
            await engine.start_worker()
            stream, event_source = await asyncio.wait_for(streams, 12)
            received: list[tuple[str, int]] = []
            while len(received) < 10:
                event = orjson.loads(await asyncio.wait_for(ws.recv(), 5))
                received.append((event["orderId"], event["seq"]))
        assert stream.statuses == event_source == HAPPY
        assert stream.code == 1000
        for one in (order, later["orderId"]):
            assert [seq for name, seq in received if name == one] == [1, 2, 3, 4, 5]


async def test_a_failed_subscription_does_not_affect_other_streams(
    postgres_dsn: str, unused_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_engine(postgres_dsn, f"redis://{unused_address}") as engine:
        order = (await engine.place())["orderId"]

        async def unavailable(_: OrderReader) -> datetime:
            await asyncio.sleep(HEAL_SECONDS * 1.2)  # a round of healing passes meanwhile
            raise DatabaseUnavailable

        async with engine.socket("/api/stream") as failing:
            with monkeypatch.context() as patched:
                patched.setattr(OrderReader, "now", unavailable)
                await failing.send('{"op":"subscribe","orders":"all"}')
                assert orjson.loads(await failing.recv())["code"] == "database_unavailable"
            stream = asyncio.create_task(engine.read_stream(order, within=20))
            await engine.http.post(f"/api/orders/{order}/cancel")
            assert (await stream).statuses == ["pending", "cancelled"]
            await engine.postgres.execute("UPDATE orders SET created_at = created_at - interval '1 minute'")
            await failing.send('{"op":"subscribe","orders":"all"}')
            assert orjson.loads(await failing.recv())["type"] == "subscribed"
            later = (await engine.place())["orderId"]
            assert orjson.loads(await asyncio.wait_for(failing.recv(), 5))["orderId"] == later


async def test_a_socket_survives_lost_redis_connections(engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    async with engine.socket(f"/api/orders/execute?orderId={order}") as ws:
        await ws.recv()
        reading = asyncio.create_task(read_to_end(ws))
        for _ in range(3):  # the feed subscribes again at once
            await engine.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # type: ignore[no-untyped-call]
        await engine.http.post(f"/api/orders/{order}/cancel")
        stream = await asyncio.wait_for(reading, 5)
    assert (stream.statuses, stream.code) == (["cancelled"], 1000)


SHORT_LOCKS = "ALTER DATABASE {database} SET lock_timeout = '50ms'"  # of new connections, such as those for writes
FULL = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON orders EXECUTE FUNCTION refuse()
"""


async def test_on_a_full_disk_orders_are_refused_and_readiness_says_why_until_there_is_space(engine: Engine) -> None:
    await engine.start_worker()
    await engine.place()
    await engine.postgres.execute(FULL)
    refused = await engine.http.post("/api/orders/execute", json=SELL_SOL)
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    ready = await engine.http.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["reasons"] == ["postgres has no disk space left"]
    await engine.postgres.execute("DROP TRIGGER full_disk ON orders; DROP FUNCTION refuse")
    await engine.place()
    assert (await engine.http.get("/health/ready")).status_code == 200


async def test_while_a_table_is_locked_readiness_says_that_no_order_is_stored(engine: Engine) -> None:
    """For the 45 s of such a lock it said that orders are accepted, and each was answered 503."""
    await engine.start_worker()
    await engine.postgres.execute(
        SHORT_LOCKS.format(database=await engine.postgres.fetchval("SELECT current_database()"))
    )
    async with engine.postgres.acquire() as other, other.transaction():
        await other.execute("LOCK TABLE order_events IN SHARE MODE")
        refused = await engine.http.post("/api/orders/execute", json=SELL_SOL)
        assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
        for _ in range(2):
            assert (await engine.http.get("/health/ready")).json()["reasons"] == ["postgres stores no orders"]
    assert (await engine.http.get("/health/ready")).status_code == 200  # at once: perhaps no order comes before
