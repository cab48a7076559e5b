"""A connection that sends the bytes it is told to, and counts what comes back."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterable

from tests.engine import Engine
from tests.integration.hostile_client import HANDSHAKE

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /api/orders/execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
UPGRADE = b"GET /api/stream HTTP/1.1\r\n" + b"".join(b"%b: %b\r\n" % header for header in HANDSHAKE)
ENOUGH = 32 * 1024 * 1024


class Client:
    """A connection of raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def flood(self, data: Iterable[bytes]) -> int:
        """Send until the engine has closed the connection, or `ENOUGH` was sent. Returns how much was sent."""
        sent = 0
        with contextlib.suppress(ConnectionError):
            for piece in data:
                if sent > ENOUGH or self.reader.at_eof():
                    break
                self.writer.write(piece)
                await self.writer.drain()
                await asyncio.sleep(0)
                sent += len(piece)
        return sent

    async def answers(self) -> list[tuple[int, bytes]]:
        """Statuses and bodies of all answers, until the engine closes the connection."""
        received, found = b"", []
        with contextlib.suppress(ConnectionResetError):  # what was sent after the end was not read
            while some := await self.reader.read(65_536):
                received += some
        while match := re.match(rb"HTTP/1\.1 (\d+) .*?content-length: (\d+)\r\n.*?\r\n\r\n", received, re.S | re.I):
            end = match.end() + int(match[2])
            found.append((int(match[1]), received[match.end() : end]))
            received = received[end:]
        assert not received
        return found

    async def head(self) -> int:
        """The status of the next answer, which has no body."""
        return int((await self.reader.readuntil(b"\r\n\r\n")).split()[1])

    async def is_closed(self) -> bool:
        try:
            async with asyncio.timeout(0.001):
                while await self.reader.read(65_536):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    async def answer(self) -> int:
        """The status of the next answer."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length
        await self.reader.readexactly(int(length[1]))
        return int(head.split()[1])


def port(engine: Engine) -> int:
    return int(engine.base_url.rpartition(":")[2])


@contextlib.asynccontextmanager
async def client(engine: Engine) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port(engine))
    try:
        async with asyncio.timeout(10):
            yield Client(reader, writer)
    finally:
        writer.transport.abort()
