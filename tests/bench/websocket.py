"""A minimal WebSocket client: with ten thousand of them, the clients must not be what is measured."""

import asyncio
import base64
import struct
from collections.abc import Callable
from typing import Any, cast

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
KEY = base64.b64encode(b"a client's nonce").decode()
NO_MASK = bytes(4)  # a valid mask that changes nothing


class HandshakeFailed(Exception):
    """The server did not answer the handshake with status 101."""


class WebSocket(asyncio.Protocol):
    """One socket. `on_text` gets each message, `on_close` the close code (None if the connection was cut)."""

    def __init__(
        self,
        port: int,
        path: str,
        on_text: Callable[[bytes], None],
        on_close: Callable[[int | None], None],
        caller: str = "",
    ) -> None:
        self._handshake = (
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            f"sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n{caller}\r\n"
        ).encode()
        self._on_text = on_text
        self._on_close = on_close
        self._transport: asyncio.Transport | None = None
        self._read = b""
        self._code: int | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._handshake)

    def send(self, text: bytes, kind: int = TEXT) -> None:
        assert self._transport
        assert len(text) < 126
        self._transport.write(bytes((0x80 | kind, 0x80 | len(text))) + NO_MASK + text)

    def data_received(self, data: bytes) -> None:
        self._read = self._read + data if self._read else data
        if not self.opened.done():
            head = self._read.find(b"\r\n\r\n")
            if head < 0:
                return
            if b" 101 " not in self._read[:head]:
                self.opened.set_exception(HandshakeFailed(self._read[:60].decode(errors="replace")))
                return
            self._read = self._read[head + 4 :]
            self.opened.set_result(None)
        while frame := next_frame(self._read):
            kind, text, self._read = frame
            if kind == TEXT:
                self._on_text(text)
            elif kind == PING:
                self.send(text, PONG)
            elif kind == CLOSE:
                self._code = struct.unpack("!H", text[:2])[0] if text else 1005
                self.send(text[:2], CLOSE)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(HandshakeFailed("the connection was closed"))
        self._on_close(self._code)

    def close(self) -> None:
        if self._transport:
            self._transport.abort()


def next_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Kind, text and the remaining bytes; None without a complete frame."""
    if len(data) < 2:
        return None
    size, begins = data[1], 2
    if size == 126:
        if len(data) < 4:
            return None
        size, begins = int.from_bytes(data[2:4], "big"), 4
    elif size == 127:
        raise ValueError("a frame of more than 64 KiB")
    if len(data) < begins + size:
        return None
    return data[0] & 15, data[begins : begins + size], data[begins + size :]


async def open_socket(
    port: int, path: str, on_text: Callable[[bytes], None], on_close: Callable[[int | None], None], caller: str
) -> WebSocket:
    """`caller`: a header line with a key."""
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(
        lambda: WebSocket(port, path, on_text, on_close, caller), "127.0.0.1", port
    )
    await socket.opened
    return socket


def ignore_close(_: Any) -> None:
    """An `on_close` that does nothing."""
