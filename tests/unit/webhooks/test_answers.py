"""What is received below TLS: OpenSSL computes with it in the loop that fires orders."""

from typing import Any, cast

import pytest

from app.webhooks.answers import Answers, BadAnswer


class Endless:
    """A connection of anyio, or of httpcore, whose other side sends as much as is asked for."""

    def __init__(self, below: Any = None) -> None:
        self._stream = below
        self.sizes: list[int] = []

    async def receive(self, max_bytes: int) -> bytes:
        self.sizes.append(max_bytes)
        return bytes(max_bytes)

    async def write(self, buffer: bytes) -> None:
        pass


async def read(connection: Endless) -> None:
    while True:
        await connection._stream.receive()


async def received(endless: Endless, connection: Endless) -> tuple[int, int]:
    """How many bytes are taken, and in pieces of how many."""
    endless.sizes.clear()
    with pytest.raises(BadAnswer):
        await read(connection)
    return sum(endless.sizes[:-1]), max(endless.sizes)


async def test_after_a_handshake_little_is_received_and_always_in_small_pieces() -> None:
    """With 120 KiB of new keys in each answer of eight webhooks all owners' stops fired up to 6 s late."""
    endless = Endless()
    connection = Endless(endless)
    opened = Answers.of(cast("Any", connection))
    assert await received(endless, connection) == (128 * 1024, 4 * 1024)
    await opened.write(b"POST / HTTP/1.1\r\n\r\n")
    assert await received(endless, connection) == (24 * 1024, 4 * 1024)
