"""The WebSocket of one order: close codes, slow readers, plain requests to its path, and the list of its sockets."""

import asyncio
import os
import socket
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection

from app.api import sockets
from app.server import server
from app.server.listener import LISTEN_FD_VARIABLE
from app.settings import load
from tests.engine import Engine, eventually, read_to_end
from tests.fakes import After, ScriptedChain, ScriptedVenue
from tests.integration.slow_reading import closed_as_too_slow, long_event_log, slow_client

pytestmark = pytest.mark.usefixtures("primed_queue")

UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"


async def test_a_socket_of_an_unknown_order_is_closed_with_4404(engine: Engine) -> None:
    for query in (f"orderId={UNKNOWN}", "orderId=not-an-id", "orderId=", "orderId=%00%ff"):
        async with engine.socket(f"/api/orders/execute?{query}") as ws:
            stream = await read_to_end(ws)
        assert (stream.events, stream.code) == ([], 4404), query


async def test_a_socket_with_an_invalid_after_is_closed_with_4400(engine: Engine) -> None:
    order = await engine.place()
    for after in ("-1", "x", "1.5", "99999999999", "%D9%A1", "%00"):
        async with engine.socket(f"/api/orders/execute?orderId={order['orderId']}&after={after}") as ws:
            stream = await read_to_end(ws)
        assert (stream.events, stream.code) == ([], 4400), after


async def test_a_socket_with_after_beyond_the_log_gets_all_new_events(engine: Engine) -> None:
    order = await engine.place()
    async with engine.socket(f"/api/orders/execute?orderId={order['orderId']}&after=99") as ws:
        reading = asyncio.create_task(read_to_end(ws))
        await engine.start_worker()
        stream = await asyncio.wait_for(reading, 10)
    assert [event["seq"] for event in stream.events] == [2, 3, 4, 5]
    assert stream.code == 1000


async def test_messages_from_the_client_are_ignored(engine: Engine) -> None:
    order = await engine.place()
    async with engine.socket(f"/api/orders/execute?orderId={order['orderId']}") as ws:
        for message in ("hello", b"\0\xff", '{"op":"subscribe","orders":"all"}', "x" * 4_096):
            await ws.send(message)
        reading = asyncio.create_task(read_to_end(ws))
        await engine.start_worker()
        stream = await asyncio.wait_for(reading, 10)
    assert [event["seq"] for event in stream.events] == [1, 2, 3, 4, 5]
    assert stream.code == 1000


async def test_a_plain_get_of_a_socket_path_gets_426(engine: Engine) -> None:
    order = f"/api/orders/{UNKNOWN}"
    for path in ("/api/orders/execute", f"{order}/ws", f"{order}/status", "/api/stream"):
        answer = await engine.http.get(path)
        assert answer.status_code == 426, path
        assert answer.headers["upgrade"] == "websocket"
        assert answer.headers["connection"].lower() == "upgrade"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "upgrade_required"


async def read_numbers(ws: ClientConnection) -> list[int]:
    return [event["seq"] for event in (await read_to_end(ws)).events]


async def test_a_slow_reader_is_closed_with_4408_and_can_resume(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.3)
    caplog.set_level("INFO", "engine.streams")
    order = await long_event_log(engine, 4_000)

    async with slow_client(engine, f"/api/orders/execute?orderId={order}") as ws:
        await closed_as_too_slow(caplog)
        first = await read_numbers(ws)
        assert ws.close_code == 4408
    assert first == list(range(1, len(first) + 1))
    assert 0 < len(first) < 4_000

    async with engine.socket(f"/api/orders/execute?orderId={order}&after={first[-1]}") as ws:
        reading = asyncio.create_task(read_numbers(ws))
        await engine.http.post(f"/api/orders/{order}/cancel")
        assert await asyncio.wait_for(reading, 15) == list(range(first[-1] + 1, 4_002))


async def test_a_client_that_never_reads_is_dropped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sockets, "SEND_SECONDS", 0.1)
    monkeypatch.setattr(sockets, "CLOSE_SECONDS", 0.1)
    order = await long_event_log(engine, 4_000)

    async def watchers() -> list[Any]:
        answer = await engine.http.get(f"/api/orders/{order}/connections")
        return list(answer.json()["connections"]) if answer.status_code == 200 else []

    async def no_watchers() -> bool:
        answer = await engine.http.get(f"/api/orders/{order}/connections")
        return answer.status_code == 200 and not answer.json()["connections"]

    async with slow_client(engine, f"/api/orders/execute?orderId={order}") as ws:
        await eventually(watchers)
        await eventually(no_watchers)
        ws.transport.abort()


async def test_the_operator_can_list_the_sockets_of_an_order(engine: Engine) -> None:
    order, other = [(await engine.place())["orderId"] for _ in range(2)]

    async def watched_by(count: int) -> list[dict[str, Any]]:
        async def listed() -> bool:
            answer = await engine.http.get(f"/api/orders/{order}/connections")
            found.clear()
            found.extend(answer.json()["connections"])
            return len(found) == count

        found: list[dict[str, Any]] = []
        await eventually(listed)
        return found

    assert await watched_by(0) == []
    async with engine.socket(f"/api/orders/execute?orderId={order}"):
        (first,) = await watched_by(1)
        async with engine.socket(f"/api/orders/execute?orderId={order}"):
            both = await watched_by(2)
            assert both[0] == first
            assert {one["orderId"] for one in both} == {order}
            assert all(one["active"] for one in both)
            assert both[0]["connectedAt"] <= both[1]["connectedAt"]
        assert await watched_by(1) == [first]
    assert await watched_by(0) == []
    assert (await engine.http.get(f"/api/orders/{other}/connections")).json() == {"connections": []}
    assert (await engine.http.get(f"/api/orders/{UNKNOWN}/connections")).status_code == 404


async def test_an_ended_order_has_no_sockets(engine: Engine) -> None:
    go = asyncio.Event()
    await engine.start_worker(venues=[ScriptedVenue("raydium", [After(go, 200_000_000)])], chain=ScriptedChain())
    order = (await engine.place())["orderId"]

    async def watchers() -> list[Any]:
        return list((await engine.http.get(f"/api/orders/{order}/connections")).json()["connections"])

    async def no_watchers() -> bool:
        return not await watchers()

    async with engine.socket(f"/api/orders/execute?orderId={order}") as ws:
        await eventually(watchers)
        go.set()
        await read_to_end(ws)
    await eventually(no_watchers)


async def test_open_sockets_are_counted(engine: Engine) -> None:
    def open_sockets(text: str) -> float:
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("engine_sockets_open"))

    order = await engine.place()
    before = open_sockets((await engine.http.get("/metrics")).text)
    async with engine.socket(f"/api/orders/execute?orderId={order['orderId']}") as ws:
        await ws.recv()
        assert open_sockets((await engine.http.get("/metrics")).text) == before + 1


def test_the_api_pings_every_20_seconds_and_limits_messages_to_4_kib(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served: list[uvicorn.Config] = []

    class RecordingServer:
        def __init__(self, config: uvicorn.Config) -> None:
            served.append(config)

        def run(self, sockets: list[socket.socket]) -> None:
            for one in sockets:
                one.close()

    monkeypatch.setattr(server, "DrainingServer", RecordingServer)
    with socket.socket() as listener:
        monkeypatch.setenv(LISTEN_FD_VARIABLE, str(os.dup(listener.fileno())))
        server.serve(load())
    (config,) = served
    assert (config.ws_ping_interval, config.ws_ping_timeout) == (20, 20)
    assert config.ws_max_size == 4096
