"""What the engine keeps of answers that their clients do not read."""

import asyncio
import contextlib
import gzip
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.api.spec.swagger import SWAGGER
from app.server.http_protocol import HttpProtocol
from app.server.listener import listen
from tests.engine import Engine, eventually
from tests.integration.raw_client import port

LARGE = "swagger-ui-bundle.js"
REQUEST = f"GET /docs/files/{LARGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept-Encoding: "
SEGMENT = 1448  # bytes, as on a network; on this machine alone the kernel would take all of it


def is_open(path: Path) -> bool:
    return any(os.path.realpath(file) == str(path.resolve()) for file in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize(("encoding", "decoded"), [("gzip", gzip.decompress), ("identity", bytes)])
async def test_a_large_answer_waits_in_pieces_for_a_client_that_does_not_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, encoding: str, decoded: Callable[[bytes], bytes]
) -> None:
    """One key had 4,000 connections do this, and the API took 1.3 GB."""
    made, protocols = HttpProtocol.connection_made, list[HttpProtocol]()

    def connection_made(protocol: HttpProtocol, transport: Any) -> None:
        protocols.append(protocol)
        made(protocol, transport)

    monkeypatch.setattr(HttpProtocol, "connection_made", connection_made)
    loop = asyncio.get_running_loop()
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # with more the kernel may take all of it
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
        one.setblocking(False)
        await loop.sock_connect(one, ("127.0.0.1", port(engine)))
        await loop.sock_sendall(one, f"{REQUEST}{encoding}\r\n\r\n".encode())

        async def waits() -> bool:
            return bool(protocols) and protocols[-1].flow.write_paused

        await eventually(waits)
        assert protocols[-1].transport._transport.get_write_buffer_size() <= 128 * 1024
        assert not is_open(SWAGGER / LARGE)
        received = b""
        while some := await loop.sock_recv(one, 65_536):
            received += some
    assert decoded(received.partition(b"\r\n\r\n")[2]) == (SWAGGER / LARGE).read_bytes()


def test_the_kernel_takes_little_of_what_a_client_has_no_room_for() -> None:
    with listen("127.0.0.1", 0) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            accepted.setblocking(False)
            sent = 0
            with contextlib.suppress(BlockingIOError):
                while sent < 10_000_000:
                    sent += accepted.send(bytes(16_384))
    assert 16_384 <= sent < 512 * 1024
