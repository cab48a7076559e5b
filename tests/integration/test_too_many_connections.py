"""How many connections may wait for their clients, and which give way."""

import contextlib

import orjson
import pytest

from app.server import connections, server
from tests.engine import Engine, eventually, running_engine
from tests.integration.raw_client import LIVE, POST, UPGRADE, client


async def test_the_connection_that_waited_longest_gives_way_to_a_new_one(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "max_connections", lambda: 20)
    async with running_engine(postgres_dsn, redis_dsn) as engine, contextlib.AsyncExitStack() as stack:
        order = (await engine.place())["orderId"]
        ws = await stack.enter_async_context(engine.socket(f"/api/orders/execute?orderId={order}"))
        await ws.recv()
        source = await stack.enter_async_context(
            engine.http.stream("GET", f"/api/orders/{order}/events", headers={"Accept": "text/event-stream"})
        )
        assert source.status_code == 200
        slow = []
        for number in range(60):
            one = await stack.enter_async_context(client(engine))
            one.send((LIVE, LIVE[:9], POST + b"Content-Length: 9\r\n\r\n", b"")[number % 4])
            slow.append(one)
            async with client(engine) as probe:
                probe.send(LIVE)
                assert await probe.answer() == 200
        gone = [await one.is_closed() for one in slow]
        assert gone == sorted(gone, reverse=True)
        assert 60 - 20 < gone.count(True) < 60
        # A stream is not what gives way.
        await engine.http.post(f"/api/orders/{order}/cancel")
        assert orjson.loads(await ws.recv())["status"] == "cancelled"


async def test_when_all_connections_are_busy_a_new_one_is_refused(
    postgres_dsn: str, redis_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "max_connections", lambda: 2)
    async with running_engine(postgres_dsn, redis_dsn) as engine, client(engine) as first, client(engine) as second:
        for one in (first, second):
            one.send(UPGRADE + b"\r\n")
            assert await one.head() == 101
        async with client(engine) as third:
            third.send(LIVE)
            [(status, body)] = await third.answers()
            assert (status, orjson.loads(body)["code"]) == (503, "too_many_connections")


async def test_the_longest_waiting_of_one_address_are_closed_and_idle_ones_do_not_count(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_SLOW_PER_ADDRESS", 5)
    monkeypatch.setattr(connections, "SLOW_SECONDS", 0.1)
    async with contextlib.AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(client(engine)) for _ in range(10)]
        for one in idle:
            one.send(LIVE)
            assert await one.answer() == 200
        slow = [await stack.enter_async_context(client(engine)) for _ in range(12)]
        for one in slow[:6]:
            one.send(LIVE[:9])

        async def closed() -> bool:
            return await slow[6].is_closed()

        await eventually(closed)
        assert [await one.is_closed() for one in slow] == [True] * 7 + [False] * 5
        assert not any([await one.is_closed() for one in idle])
