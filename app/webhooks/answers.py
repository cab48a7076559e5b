"""Bounds what a receiver answers before any of it is parsed: parsing is Python, in the loop that fires orders.

The head of an answer is read whole, and no answer that another one follows is waited for. Of the body nothing is read
but what is said to be left, so that no byte of one answer is taken for the next.

Below TLS everything that is received has bounds of its own: session tickets and new keys, for example, are no bytes of
an answer. After the handshake it is less.
"""

import ssl
from typing import Any, cast

import httpcore

from app.tls import Received, offered

MAX_ANSWER = 16 * 1024  # bytes, head and body
MAX_PIECES = 50  # in which it may come
MAX_LINES = 100  # of its head
MAX_RECEIVED = 128 * 1024  # bytes in a handshake, whose certificates may have 100 KB
MAX_AFTER = MAX_ANSWER + 8 * 1024  # bytes for one request after it
MAX_RECEIVES = 300  # pieces in which they may come
TOO_MUCH = "more was received than an answer and a TLS handshake take"


class BadAnswer(Exception):
    """The text is for the webhook's owner."""


def _too_much() -> Exception:
    return BadAnswer(TOO_MUCH)


class Answers(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, received: Received | None = None) -> None:
        self._stream = stream
        self._received = received
        self._asked = False  # the next byte is the first of an answer
        self._pieces = 0
        self._over = 0  # bytes that came after the head
        self._left = 0  # bytes that may still come

    @staticmethod
    def of(connection: httpcore.AsyncNetworkStream) -> "Answers":
        """Of a connection that httpcore has opened by anyio, and that has sent nothing yet."""
        opened = cast("Any", connection)
        opened._stream = received = Received(opened._stream, _too_much, MAX_RECEIVED, MAX_RECEIVES)
        return Answers(connection, received)

    def has_rest(self, length: int) -> bool:
        """Whether a body of this length may be read to its end."""
        rest = length - self._over
        if not 0 <= rest <= self._left:
            return False
        self._left = rest
        return True

    async def write(self, buffer: bytes, *_: Any, **options: Any) -> None:
        self._asked = True
        if self._received:
            self._received.begin(MAX_AFTER)
        await self._stream.write(buffer, **options)

    async def read(self, max_bytes: int, *_: Any, **__: Any) -> bytes:
        if self._asked:
            self._asked, self._pieces, self._left = False, 0, MAX_ANSWER
            return await self._head()
        return await self._piece(max_bytes)

    async def _head(self) -> bytes:
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            if not (piece := await self._piece(MAX_ANSWER)):
                raise httpcore.RemoteProtocolError
            answer += piece
        self._over = len(answer) - end - 4
        if answer.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1")):
            raise BadAnswer("the answer is an interim one (1xx)")
        lines = answer.count(b"\r\n", 0, end)
        if lines > MAX_LINES or lines != answer.count(b"\n", 0, end):  # h11 takes either for the end of a line
            raise BadAnswer("the head of the answer is not HTTP, or too long")
        return answer

    async def _piece(self, max_bytes: int) -> bytes:
        self._pieces += 1
        if not self._left or self._pieces > MAX_PIECES:
            raise BadAnswer(f"the answer has more than {MAX_ANSWER // 1024} KiB, or came in too many pieces")
        piece = await self._stream.read(min(max_bytes, self._left))
        self._left -= len(piece)
        return piece

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, *_: Any, **options: Any
    ) -> httpcore.AsyncNetworkStream:
        with offered(ssl_context, server_hostname or ""):
            return Answers(await self._stream.start_tls(ssl_context, server_hostname, **options), self._received)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
