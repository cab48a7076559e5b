"""Clients of a server that is no engine: each ends with an error of its own, and reads no answer without end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from app.client import CommandError, engine
from order_execution_client import AsyncClient, Client, EngineError, Market, Unreachable, _calls

ORDER = "01a1fd09-0000-7000-8000-000000000000"
SELL = Market("SOL", "USDC", "1.5")
MAX = 100_000


@contextlib.asynccontextmanager
async def answering(
    body: bytes, *, head: bytes = b"200 OK", without_end: bool = False
) -> AsyncIterator[tuple[str, list[int]]]:
    """Its address, and how many times it has sent this body."""
    sent: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 " + head + b"\r\nconnection: close\r\n\r\n")
            while not sent or without_end:
                sent.append(1)
                writer.write(body)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", sent


async def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_calls, "MAX_ANSWER", MAX)
    monkeypatch.setattr(engine, "MAX_ANSWER", MAX)
    async with asyncio.timeout(20), answering(b" " * 10_000, without_end=True) as (url, _):
        async with AsyncClient(url, patience=0) as client:
            with pytest.raises(Unreachable):
                await client.order(ORDER)
        with Client(url, patience=0) as waiting, pytest.raises(Unreachable):
            await asyncio.to_thread(waiting.order, ORDER)
        async with engine.Engine(url) as command:
            with pytest.raises(CommandError, match="answered with more than"):
                await command.order(ORDER)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"orderId":1}'])
async def test_an_order_that_may_have_been_placed_keeps_its_key_whatever_is_answered(body: bytes) -> None:
    async with answering(body) as (url, sent), AsyncClient(url) as client:
        with pytest.raises(EngineError, match="is this an engine") as caught:
            await client.place(SELL, key="mine")
    assert (caught.value.idempotency_key, len(sent)) == ("mine", 1)
