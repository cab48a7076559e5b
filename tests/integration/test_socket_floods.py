"""What one WebSocket may make the server do: floods of frames, pongs, and a close that is never answered."""

import asyncio
import contextlib
import gc
import itertools
import socket
from collections.abc import AsyncIterator, Iterable

import pytest
from uvicorn._types import ASGIReceiveEvent
from websockets.protocol import OPEN

from app.server import connections, websocket_protocol
from app.server.connections import Connection, Wait
from app.server.websocket_protocol import WebSocketProtocol
from tests.engine import Engine, eventually
from tests.integration.hostile_client import HANDSHAKE, frame, parse_frames
from tests.integration.raw_client import LIVE, UPGRADE, client

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class RawSocket:
    """An accepted WebSocket to which a test sends its own bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def flood(self, frames: Iterable[bytes]) -> None:
        with contextlib.suppress(ConnectionError):
            for data in frames:
                self.writer.write(data)
                await self.writer.drain()
                await asyncio.sleep(0)

    async def frames(self) -> list[tuple[int, bytes]]:
        """All frames, until the engine closes the connection."""
        return parse_frames(await self.reader.read())


@contextlib.asynccontextmanager
async def raw_socket(
    engine: Engine, path: bytes = b"/api/stream", *, then: bytes = b"", receive_buffer: int = 65_536
) -> AsyncIterator[RawSocket]:
    sock = socket.socket(proto=socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", int(engine.base_url.rpartition(":")[2])))
    reader, writer = await asyncio.open_connection(sock=sock, limit=receive_buffer)
    writer.write(b"GET %b HTTP/1.1\r\n" % path + b"".join(b"%b: %b\r\n" % one for one in HANDSHAKE) + b"\r\n" + then)
    try:
        async with asyncio.timeout(10):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
            yield RawSocket(reader, writer)
    finally:
        writer.transport.abort()


FLOODS = {
    "pings": itertools.repeat(frame(PING, b"x" * 125) * 500),
    "empty pings": itertools.repeat(frame(PING, b"") * 40_000),
    "pongs": itertools.repeat(frame(PONG, b"") * 500),
    "empty messages": itertools.repeat(frame(TEXT, b"") * 500),
    "messages": itertools.repeat(frame(TEXT, b"x") * 500),
    "JSON pings": itertools.repeat(frame(TEXT, b'{"type":"ping"}') * 500),
    "fragments": itertools.chain([frame(TEXT, b"x", final=False)], itertools.repeat(frame(0, b"", final=False) * 500)),
}


async def test_a_flood_of_frames_closes_the_socket(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER", Wait(0.2))
    order = (await engine.place())["orderId"]
    paths = ("/api/stream", "/api/orders/execute", f"/order/{order}")
    for (what, flood), path in zip(FLOODS.items(), itertools.cycle(paths)):
        async with raw_socket(engine, path.encode()) as one:
            flooding = asyncio.create_task(one.flood(flood))
            *before, (opcode, payload) = await one.frames()
            assert (opcode, payload[:2]) == (CLOSE, (1008).to_bytes(2)), what
            assert len(before) <= websocket_protocol.BURST + websocket_protocol.PIECE / len(frame(PING, b"")), what
            await flooding


@pytest.mark.parametrize("path", ["/api/stream", "/api/orders/execute", "/order/{order}"])
async def test_other_tasks_run_after_each_message(engine: Engine, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(WebSocketProtocol, "_allowance", 1_000_000.0)
    monkeypatch.setattr(websocket_protocol, "BURST", 1_000_000)
    taken, most = 0, 0
    receive = WebSocketProtocol.receive

    async def counted(protocol: WebSocketProtocol) -> ASGIReceiveEvent:
        nonlocal taken
        message = await receive(protocol)
        taken += 1
        return message

    monkeypatch.setattr(WebSocketProtocol, "receive", counted)
    order = (await engine.place())["orderId"]
    async with raw_socket(engine, path.format(order=order).encode()) as one:
        one.writer.write(frame(TEXT, b'{"type":"ping"}') * 1_000)
        while taken < 1_000:
            before = taken
            await asyncio.sleep(0)
            most = max(most, taken - before)
    assert most <= 2


async def test_a_socket_that_pings_now_and_then_stays_open(engine: Engine) -> None:
    async with raw_socket(engine) as one:
        for number in range(50):
            one.writer.write(frame(PING, b"%d" % number))
        one.writer.write(frame(CLOSE, b""))
        assert await one.frames() == [(PONG, b"%d" % number) for number in range(50)] + [(CLOSE, b"")]


async def test_no_pongs_pile_up_for_a_client_that_does_not_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_protocol, "BURST", 1_000_000)
    monkeypatch.setattr(WebSocketProtocol, "_allowance", 1_000_000.0)
    async with raw_socket(engine, receive_buffer=4096) as one:
        for connection in [found for found in gc.get_objects() if isinstance(found, Connection)]:
            # Or the kernel buffers megabytes of pongs.
            connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await one.flood(itertools.repeat(frame(PING, b"x" * 125) * 500, 10))
        one.writer.write(frame(CLOSE, b""))
        assert 0 < [opcode for opcode, _ in await one.frames()].count(PONG) < 2_500


async def test_messages_behind_one_that_is_being_answered_wait_and_none_is_lost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WebSocketProtocol, "_allowance", 2_000.0)
    monkeypatch.setattr(websocket_protocol, "BURST", 2_000)
    async with raw_socket(engine, then=frame(TEXT, b"{}")) as one:  # the first comes with the handshake
        one.writer.write(frame(TEXT, b"{}") * 1_000)
        received = b""
        while received.count(b'"bad_request"') <= 1_000:
            received += await one.reader.read(65_536)
        assert {opcode for opcode, _ in parse_frames(received)} == {TEXT}


@pytest.mark.parametrize("afterwards", [b"", frame(PING, b"x" * 125) * 50, frame(TEXT, b"x") * 500])
async def test_a_closed_socket_whose_client_does_not_answer_is_dropped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, afterwards: bytes
) -> None:
    monkeypatch.setattr(websocket_protocol, "CLOSE_REPLY", Wait(0.3))
    async with raw_socket(engine, b"/api/orders/execute?orderId=nonsense") as one:
        flooding = asyncio.create_task(one.flood(itertools.repeat(afterwards)))
        with contextlib.suppress(ConnectionResetError):
            assert [opcode for opcode, _ in await one.frames()] == [CLOSE]
        flooding.cancel()


EARLY = [LIVE, b"\xff" * 10, b"\x81\x01x", frame(CLOSE, b""), frame(TEXT, b"{}")]


@pytest.mark.parametrize("path", [b"/api/stream", b"/no/such/path", b"/order/1"])
async def test_what_is_sent_before_the_handshake_is_answered_waits(
    engine: Engine, path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for early in EARLY:
        async with raw_socket(engine, path, then=early) as one:
            if early == EARLY[-1]:
                one.writer.write(frame(CLOSE, b""))
            frames = await one.frames()
            assert [opcode for opcode, _ in frames] in ([CLOSE], [TEXT, CLOSE]), early
    assert not [record for record in caplog.records if record.exc_info]


async def test_much_that_is_sent_before_the_handshake_is_answered_ends_the_connection(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(engine) as one:
        one.send(UPGRADE + b"\r\n" + frame(TEXT, b"{}") * 100_000)
        await eventually(one.is_closed)
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_server_stops_while_a_client_closes_its_socket(engine: Engine) -> None:
    async with raw_socket(engine) as raw:
        [protocol] = [one for one in gc.get_objects() if isinstance(one, WebSocketProtocol) and one.conn.state is OPEN]
        protocol.data_received(frame(CLOSE, (1000).to_bytes(2, "big")))
        assert protocol.conn.state is not OPEN
        protocol.shutdown()
        assert [opcode for opcode, _ in await raw.frames()][-1:] == [CLOSE]
