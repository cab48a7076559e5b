"""What a hostile receiver, or its name server, cannot do to others."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpcore
import pytest

from app.webhooks import answers, names, sender
from app.webhooks.answers import MAX_PIECES, Answers, BadAnswer
from app.webhooks.sender import Answer, Sender
from app.webhooks.store import MAX_PER_OWNER
from tests.engine import eventually
from tests.integration.delivering import came
from tests.no_tls import NO_TLS
from tests.receiver import Message, listening, receiving

SILENT = Answer("no name server has answered for the name")
TAKEN = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@contextlib.asynccontextmanager
async def sending(*, local: bool = True, max_connections: int = 20) -> AsyncIterator[Sender]:
    opened = Sender(local=local, max_connections=max_connections, tls=NO_TLS)
    yield opened
    await opened.close()


async def post(to: Sender, url: str, owner: str = "ann") -> Answer:
    return await to.post(owner, url, {"webhook-id": "msg_1"}, b"{}")


async def answered(*parts: bytes, times: int = 1) -> tuple[list[Answer], int]:
    """By a server that answers with these bytes and leaves the connection open; with how many it was asked."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n{}")
                for part in parts:
                    writer.write(part)
                    await writer.drain()

    async with listening(serve) as port, sending() as to:
        return [await post(to, f"http://127.0.0.1:{port}/") for _ in range(times)], connections


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([b"HTTP/1.1 100 \r\n\r\n" * 100_000], "the answer is an interim one (1xx)"),
        ([b"HTTP/1.1 103 \r\n\r\n", TAKEN], "the answer is an interim one (1xx)"),
        ([b"HTTP/1.1 200 OK\r\nx: ", b"x" * 20_000], "the answer has more than 16 KiB, or came in too many pieces"),
        ([b"HTTP/1.1 200 OK\r\n" + b"a:\r\n" * 200 + b"\r\n"], "the head of the answer is not HTTP, or too long"),
        ([b"HTTP/1.1 200 OK\n\n", TAKEN], "the head of the answer is not HTTP, or too long"),
    ],
    ids=["without end", "then an answer", "a long field", "many fields", "bare line feeds"],
)
async def test_an_answer_that_would_take_long_to_read_is_refused(parts: list[bytes], why: str) -> None:
    assert await answered(*parts) == ([Answer(why)], 1)


async def test_an_answer_in_single_bytes_is_refused() -> None:
    answer = TAKEN.replace(b"OK", b"x" * MAX_PIECES)
    stream = Answers(httpcore.AsyncMockStream([bytes([byte]) for byte in answer]))
    await stream.write(b"POST")
    with pytest.raises(BadAnswer):
        await stream.read(65_536)


@pytest.mark.parametrize("size", [1, 1_000], ids=["pieces", "bytes"])
async def test_what_is_received_below_tls_is_bounded(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL takes session tickets, and the beginning of a handshake, without end."""
    monkeypatch.setattr(answers, "MAX_RECEIVED", 5_000)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        begun = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb\x03\x03" + bytes(10_000)
        with contextlib.suppress(OSError):
            for start in range(0, 1_000 * size, size):
                writer.write(begun[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)
            await reader.read()

    async with listening(serve) as port, sending() as to:
        assert await post(to, f"https://localhost:{port}/") == Answer(answers.TOO_MUCH)


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (TAKEN, 1),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n", 2),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n", 2),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nx", 2),
        (b"HTTP/1.1 200 OK\r\n\r\n", 2),
        (TAKEN + b"HTTP/1.1 500 -\r\n\r\n", 2),
    ],
    ids=["empty", "short", "204", "chunked", "both", "long", "until it closes", "more than one"],
)
async def test_a_connection_is_kept_only_if_the_answer_has_a_near_end(answer: bytes, connections: int) -> None:
    """No body is waited for whose end is not near."""
    assert await answered(answer, times=2) == ([Answer(), Answer()], connections)


async def test_slow_receivers_of_one_owner_leave_connections_to_others() -> None:
    answering = asyncio.Event()

    async def slow(_: Message) -> int:
        await answering.wait()
        return 200

    async with receiving() as held, receiving() as quick, sending(max_connections=2) as to:
        held.answer = slow
        waiting = [asyncio.create_task(post(to, held.url)) for _ in range(4)]
        await came(held, 2)
        assert await post(to, quick.url, owner="bob") == Answer()
        assert len(held.messages) == 2
        answering.set()
        assert await asyncio.gather(*waiting) == [Answer()] * 4


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator["NameServer"]:
    server, real = NameServer(), socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        if not str(host).endswith(".test"):
            return real(host, *arguments, **options)
        server.asked.append(host)
        if "silent" in host:
            server.answers.wait()
        return real("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(names, "SECONDS", 100.0)  # however slow the machine is
    monkeypatch.setattr(sender, "SECONDS", 100.0)
    yield server
    server.answers.set()


class NameServer:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers = threading.Event()  # for the silent names too

    async def was_asked(self, times: int) -> None:
        async def so_often() -> bool:
            return len(self.asked) >= times

        await eventually(so_often)


async def test_silent_names_of_one_owner_leave_look_ups_to_others_and_to_the_engine(name_server: NameServer) -> None:
    async with sending(local=False) as to:
        waiting = [
            asyncio.create_task(post(to, f"https://{number}.silent.test/")) for number in range(MAX_PER_OWNER + 5)
        ]
        await name_server.was_asked(MAX_PER_OWNER)
        # As Postgres and Redis do when they connect again.
        async with asyncio.timeout(30):
            assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        inside = Answer("the name leads to no public address")
        assert await post(to, "https://good.test/", owner="bob") == inside
        assert await asyncio.gather(*waiting[MAX_PER_OWNER:]) == [SILENT] * 5
        assert len(name_server.asked) == MAX_PER_OWNER + 1
        name_server.answers.set()
        assert await asyncio.gather(*waiting[:MAX_PER_OWNER]) == [inside] * MAX_PER_OWNER


async def test_a_silent_name_is_not_looked_up_again_for_a_while(
    name_server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "SECONDS", 0.0)
    looked_up = names.Names()
    with pytest.raises(names.Silent):
        await looked_up.addresses("a.silent.test", "ann")
    with pytest.raises(names.Silent):  # its thread is out
        await looked_up.addresses("a.silent.test", "bob")
    name_server.answers.set()

    async def back() -> bool:
        return not looked_up._out

    await eventually(back)
    with pytest.raises(names.Silent):
        await looked_up.addresses("a.silent.test", "ann")
    assert name_server.asked == ["a.silent.test"]


async def test_attempts_share_one_look_up(name_server: NameServer) -> None:
    async with sending(local=False) as to:
        waiting = [asyncio.create_task(post(to, "https://a.silent.test/")) for _ in range(3)]
        await name_server.was_asked(1)
        name_server.answers.set()
        await asyncio.gather(*waiting)
    assert len(name_server.asked) == 1
