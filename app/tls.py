"""TLS with servers that are not ours. It is computed in the event loop, so nothing of it may take long.

With Diffie-Hellman in a group of 10,000 bits, which the server chooses, a handshake took 0.9 s, and OpenSSL takes 92 ms
for 128 KiB of new keys, which a server may send at any time.
"""

import contextlib
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, TypeVar

from anyio.abc import ByteStream

# Those of Python 3.11 and later without finite fields. TLS 1.3 has others, which take no time.
CIPHERS = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:!aNULL:!eNULL:!aDSS:!SHA1:!AESCCM"
PIECE = 4 * 1024  # bytes that are decrypted before other tasks run
# Python can offer one at a time. Some servers lack the first, or have a certificate for TLS 1.2 that needs another.
CURVES = "prime256v1", "secp384r1", "X25519"
MAX_SERVERS = 1_000

_curves: dict[str, int] = {}  # by the names of servers that have refused another one

Answer = TypeVar("Answer")


def quick(context: ssl.SSLContext) -> ssl.SSLContext:
    """The same context, in which no handshake takes long: elliptic curves only, and no second one on a connection."""
    context.set_ciphers(CIPHERS)
    context.set_ecdh_curve(CURVES[0])  # TLS 1.3 would offer groups of up to 8,192 bits
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


@contextlib.contextmanager
def offered(context: ssl.SSLContext, server: str) -> Iterator[None]:
    """A handshake with this server begins in it, with the curve that has worked, or the one after that it refused."""
    curve = _curves.get(server, 0)
    context.set_ecdh_curve(CURVES[curve])
    try:
        yield
    except Exception as error:
        if _is_refusal(error) and _curves.get(server, 0) == curve:
            if len(_curves) >= MAX_SERVERS:
                _curves.clear()
            _curves[server] = (curve + 1) % len(CURVES)
        raise


async def with_each_curve(ask: Callable[[], Awaitable[Answer]], not_connected: type[Exception]) -> Answer:
    """What `ask` returns. If a server refuses the handshake, nothing was sent: it is called with the next curve."""
    for _ in CURVES[1:]:
        try:
            return await ask()
        except not_connected as error:
            if not _is_refusal(error):
                raise
    return await ask()


def _is_refusal(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None and "HANDSHAKE_FAILURE" in (error.reason or "")


class Received(ByteStream):
    """A connection below TLS. `error`: made when it has brought more than it may."""

    def __init__(
        self, stream: ByteStream, error: Callable[[], Exception], most: int, pieces: float = float("inf")
    ) -> None:
        self._stream = stream
        self._error = error
        self._most_pieces = pieces
        self.begin(most)

    def begin(self, most: int) -> None:
        """From here on so many bytes."""
        self._bytes, self._pieces = most, self._most_pieces

    def allow(self, more: int) -> None:
        self._bytes += more

    async def receive(self, max_bytes: int = 65_536) -> bytes:
        piece = await self._stream.receive(min(max_bytes, PIECE))
        self._bytes -= len(piece)
        self._pieces -= 1
        if self._bytes < 0 or self._pieces < 0:
            raise self._error()
        return piece

    async def send(self, item: bytes) -> None:
        await self._stream.send(item)

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        await self._stream.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._stream.extra_attributes
