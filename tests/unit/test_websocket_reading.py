"""How much of what a client sends a socket keeps. With uvloop, which reads as soon as it may, unlike asyncio."""

import asyncio
import contextlib
import itertools
import socket

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from app.server.server import server_config
from app.server.websocket_protocol import WebSocketProtocol
from app.settings import load
from tests.http_server import Server
from tests.integration.hostile_client import HANDSHAKE, frame

MESSAGES = 60
MESSAGE = frame(1, b"x" * 4_000)
HANDSHAKE_REQUEST = b"GET / HTTP/1.1\r\n" + b"".join(b"%b: %b\r\n" % one for one in HANDSHAKE) + b"\r\n"


def test_a_client_that_sends_faster_than_its_messages_are_taken_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 sockets of one key took a gigabyte of the API within 24 s."""
    taken = itertools.count(1)
    done = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.receive" and next(taken) == MESSAGES:
                done.set()
                return

    async def flood(address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(HANDSHAKE_REQUEST)
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            while True:
                writer.write(MESSAGE * 100)
                await writer.drain()

    async def most_kept() -> int:
        most, received = 0, WebSocketProtocol.data_received

        def counted(protocol: WebSocketProtocol, data: bytes) -> None:
            nonlocal most
            received(protocol, data)
            most = max(most, len(protocol._unparsed))

        monkeypatch.setattr(WebSocketProtocol, "data_received", counted)
        listener = socket.create_server(("127.0.0.1", 0))
        server = Server(server_config(app, load(), shutdown_seconds=0))
        server.config.lifespan = "off"
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        flooding = asyncio.create_task(flood(listener.getsockname()))
        try:
            async with asyncio.timeout(10):
                await done.wait()
        finally:
            flooding.cancel()
            server.stop.set()
            await asyncio.gather(serving, flooding, return_exceptions=True)
        return most

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(most_kept()) <= 256 * 1024 + len(MESSAGE)
