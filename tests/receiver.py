"""A server that receives webhooks, as an owner would run it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Message:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        return str(orjson.loads(self.body)["type"])

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = orjson.loads(self.body)["data"]
        return data

    @property
    def event(self) -> tuple[str, int]:
        return self.data["orderId"], self.data["seq"]


async def take(_: Message) -> int:
    return 200


@dataclass
class Receiver:
    """`answer` gives the status of each answer; `messages` has all that came, taken or not."""

    port: int
    answer: Callable[[Message], Awaitable[int]] = take
    messages: list[Message] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def seqs(self, order: str) -> list[int]:
        return [message.data["seq"] for message in self.messages if message.data.get("orderId") == order]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.messages.append(message := Message(head.split(" ")[1], headers, body))
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    status = await self.answer(message)
                finally:
                    self.at_once -= 1
                if status < 300:
                    self.taken.append(message)
                writer.write(b"HTTP/1.1 %d -\r\ncontent-length: 2\r\nlocation: /other\r\n\r\nok" % status)
                await writer.drain()


@contextlib.asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """The port of a server that handles each connection so."""
    handling = set[asyncio.Task[None]]()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.create_task(handle(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in handling:
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver(0)
    async with listening(receiver.serve) as receiver.port:
        yield receiver
