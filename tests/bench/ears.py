"""A WebSocket client that costs next to nothing: ten thousand of them must not be what is measured."""

import asyncio
import base64
import struct
from collections.abc import Callable
from typing import Any, cast

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
KEY = base64.b64encode(b"a client's nonce").decode()
NO_MASK = bytes(4)  # a mask of zeros changes nothing, and is one


class NotOpened(Exception):
    """The server did not answer the handshake with a socket."""


class Ear(asyncio.Protocol):
    """One socket; `hear` is given each text, `gone` the code it was closed with (None: cut)."""

    def __init__(self, port: int, path: str, hear: Callable[[bytes], None], gone: Callable[[int | None], None]) -> None:
        self._handshake = (
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            f"sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
        ).encode()
        self._hear = hear
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._read = b""
        self._code: int | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._handshake)

    def say(self, text: bytes, kind: int = TEXT) -> None:
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
                self.opened.set_exception(NotOpened(self._read[:60].decode(errors="replace")))
                return
            self._read = self._read[head + 4 :]
            self.opened.set_result(None)
        while frame := next_frame(self._read):
            kind, text, self._read = frame
            if kind == TEXT:
                self._hear(text)
            elif kind == PING:
                self.say(text, PONG)
            elif kind == CLOSE:
                self._code = struct.unpack("!H", text[:2])[0] if text else 1005
                self.say(text[:2], CLOSE)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(NotOpened("the connection was closed"))
        self._gone(self._code)

    def close(self) -> None:
        if self._transport:
            self._transport.abort()


def next_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Kind, text and the rest; None if there is no whole frame."""
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


async def listen(port: int, path: str, hear: Callable[[bytes], None], gone: Callable[[int | None], None]) -> Ear:
    loop = asyncio.get_running_loop()
    _, ear = await loop.create_connection(lambda: Ear(port, path, hear, gone), "127.0.0.1", port)
    await ear.opened
    return ear


def ignore(_: Any) -> None:
    """For those who do not care when a socket is closed."""
