"""Bounds the head of an answer before it is parsed, and how much of the rest is parsed at once.

Parsing is Python, in the loop that does everything else: of interim answers (1xx) a server may send any number before
the one that was asked for, and nothing else here would see them. Nor what a server sends below TLS that is no byte of
an answer, such as new keys.
"""

import re
import socket
import ssl
from typing import Any, cast

import anyio
import httpcore
import httpx

from app.tls import Received, offered

MAX_HEAD, MAX_LINES = 32 * 1024, 200  # bytes
PIECE = 4 * 1024  # bytes that are parsed at once, of what is not said to be the body
OVERHEAD = 128 * 1024  # bytes below TLS, for one request or a handshake, that are none of the answer
RECEIVE = socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024  # bytes that may have come and were not read: else megabytes

_INTERIM = re.compile(rb"HTTP/\d\.\d 1")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,10})[ \t]*\r\n", re.IGNORECASE)


class _Answers(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, received: Received) -> None:
        self._stream = stream
        self._received = received
        self._asked = False  # the next byte is the first of an answer
        self._left = 0  # bytes of the body that are still to come; 0 also if its length is not told

    async def write(self, buffer: bytes, *arguments: Any, **options: Any) -> None:
        self._asked = True
        self._received.begin(OVERHEAD)
        await self._stream.write(buffer, *arguments, **options)

    async def read(self, max_bytes: int, *arguments: Any, **options: Any) -> bytes:
        if self._asked:
            self._asked = False
            return await self._head(*arguments, **options)
        piece = await self._piece(min(max_bytes, self._left or PIECE), *arguments, **options)
        self._left = max(self._left - len(piece), 0)
        return piece

    async def _head(self, *arguments: Any, **options: Any) -> bytes:
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            piece = await self._piece(PIECE, *arguments, **options)
            answer += piece
            head = answer.partition(b"\r\n\r\n")[0]  # the piece may have a part of the body, with lines of its own
            if not piece or len(head) > MAX_HEAD or head.count(b"\n") > MAX_LINES or _INTERIM.match(answer):
                raise httpcore.RemoteProtocolError
        length = _LENGTH.search(answer, 0, end + 2)
        self._left = max(int(length[1]) - (len(answer) - end - 4), 0) if length else 0
        return answer

    async def _piece(self, *arguments: Any, **options: Any) -> bytes:
        piece = await self._stream.read(*arguments, **options)
        self._received.allow(len(piece) + len(piece) // 4)
        return piece

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, *arguments: Any, **options: Any
    ) -> httpcore.AsyncNetworkStream:
        with offered(ssl_context, server_hostname or ""):
            stream = await self._stream.start_tls(ssl_context, server_hostname, *arguments, **options)
        return _Answers(stream, self._received)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self) -> None:
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        options["socket_options"] = [*(options.get("socket_options") or ()), RECEIVE]
        opened = cast("Any", await self._network.connect_tcp(*arguments, **options))
        opened._stream = received = Received(opened._stream, anyio.BrokenResourceError, OVERHEAD)
        return _Answers(opened, received)


def bound(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """httpx has no public way to it that keeps the proxies of the environment."""
    opened = cast("Any", client)
    for transport in (opened._transport, *opened._mounts.values()):
        if transport is not None:  # None: no proxy for this address
            transport._pool._network_backend = _Backend()
    return client
