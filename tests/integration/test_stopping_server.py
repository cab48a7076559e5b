"""Requests that arrive while the API stops: each one that was sent in time is answered."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, cast

import uvloop

from app.server.connections import Connection, Wait
from app.server.server import DrainingServer, server_config
from app.settings import load

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})
    else:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})


class Running:
    """Between the calls of a test nothing is read or accepted, unless it waits."""

    def __init__(self) -> None:
        self.config = config = server_config(hello, load())
        config.load()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.server = DrainingServer(config)
        self.server.lifespan = config.lifespan_class(config)

    def connect(self) -> socket.socket:
        client = socket.create_connection(self.listener.getsockname(), timeout=5)
        client.setblocking(False)
        return client

    async def stop(self) -> None:
        if self.listener.fileno() >= 0:
            await self.server.shutdown([self.listener])


def on_uvloop(test: Callable[[Running], Awaitable[None]]) -> Callable[[], None]:
    """As in production: the loop decides when a connection that was accepted can be seen."""

    async def run() -> None:
        running = Running()
        await running.server.startup(sockets=[running.listener])
        try:
            await test(running)
        finally:
            await running.stop()

    def with_runner() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run())

    with_runner.__name__ = with_runner.__qualname__ = str(getattr(test, "__name__", None))
    return with_runner


async def answer(client: socket.socket) -> None:
    loop, received = asyncio.get_running_loop(), b""
    async with asyncio.timeout(5):
        while not received.endswith(b"hello"):
            more = await loop.sock_recv(client, 4096)
            assert more, f"closed after {received!r}"
            received += more


@on_uvloop
async def test_a_request_that_arrived_on_an_idle_connection_is_answered(running: Running) -> None:
    with running.connect() as client:
        client.send(REQUEST)
        await answer(client)
        client.send(REQUEST)
        await running.stop()
        await answer(client)


@on_uvloop
async def test_a_request_on_a_connection_that_was_not_accepted_yet_is_answered(running: Running) -> None:
    with running.connect() as client:
        client.send(REQUEST)
        await running.stop()
        await answer(client)


@on_uvloop
async def test_a_client_that_has_just_connected_has_a_moment_to_send(running: Running) -> None:
    with running.connect() as client, running.connect() as silent:
        while len(running.server.server_state.connections) < 2:
            await asyncio.sleep(0)
        stopping = asyncio.create_task(running.stop())
        await asyncio.sleep(0)
        client.send(REQUEST)
        await answer(client)
        await stopping
        assert not silent.recv(1)


@on_uvloop
async def test_a_client_that_has_sent_a_part_of_a_head_has_a_moment_to_send_the_rest(running: Running) -> None:
    with running.connect() as new, running.connect() as kept:
        kept.send(REQUEST)
        await answer(kept)
        for client in (new, kept):
            client.send(REQUEST[:10])
        while not all(cast("Any", one)._begun for one in running.server.server_state.connections):
            await asyncio.sleep(0)
        stopping = asyncio.create_task(running.stop())
        await asyncio.sleep(0)
        for client in (new, kept):
            client.send(REQUEST[10:])
            await answer(client)
        await stopping


@on_uvloop
async def test_an_idle_connection_whose_time_is_over_is_read_first(running: Running) -> None:
    with running.connect() as client:
        client.send(REQUEST)
        await answer(client)
        (protocol,) = running.server.server_state.connections
        assert isinstance(protocol.transport, Connection)
        protocol.transport.wait(Wait(0.0, idle=True))
        client.send(REQUEST)
        running.config.connections._sweep()
        await answer(client)


@on_uvloop
async def test_a_client_sees_at_once_that_its_idle_connection_was_closed(running: Running) -> None:
    """It looks before it sends a request: one that it sends between the end and its FIN would be reset."""
    with running.connect() as client:
        client.send(REQUEST)
        await answer(client)
        (protocol,) = running.server.server_state.connections
        protocol.shutdown()
        assert client.recv(1) == b""
