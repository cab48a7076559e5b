"""What one request may make the server hold: bytes, and time."""

import asyncio
import contextlib
import gc
import itertools
import select
import socket

import orjson
import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.server import connections, http_protocol
from app.server.connections import Wait
from tests.engine import SELL_SOL, Engine, eventually
from tests.integration.raw_client import ENOUGH, LIVE, POST, UPGRADE, Client, client, port

BODY = orjson.dumps(SELL_SOL)
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


# ---- bytes ----

ENDLESS = {
    "one long header": (b"GET / HTTP/1.1\r\nX: ", b"x" * 65_536),
    "many short headers": (b"GET / HTTP/1.1\r\n", b"a:b\r\n" * 13_000),
    "many short headers, one a packet": (b"GET / HTTP/1.1\r\n", b"a:b\r\n"),
    "blank lines": (b"", b"\r\n" * 32_768),
    "a long header of a WebSocket": (UPGRADE + b"X: ", b"x" * 65_536),
    "many headers of a WebSocket": (UPGRADE, b"a:b\r\n" * 13_000),
    "a long extension of a chunk": (CHUNKED + b"1;", b"x" * 65_536),
    "many extensions of chunks": (CHUNKED, b"1;xxxxxxxxxxxxxxxxxxxx\r\n \r\n" * 2_500),
    "a long trailer": (CHUNKED + b"0\r\nX: ", b"x" * 65_536),
    "many short trailers": (CHUNKED + b"0\r\n", b"a:b\r\n" * 13_000),
}


async def test_a_request_without_end_is_refused_before_it_takes_memory(engine: Engine) -> None:
    for what, (begin, repeated) in ENDLESS.items():
        async with client(engine) as one:
            one.send(begin)
            flooding = asyncio.create_task(one.flood(itertools.repeat(repeated)))
            [(status, body)] = await one.answers()
            problem = orjson.loads(body)
            assert (status, problem["status"], problem["code"]) == (431, 431, "headers_too_large"), what
            assert await flooding < ENOUGH, what


async def test_a_hundred_headers_are_allowed_and_one_more_is_not(engine: Engine) -> None:
    for count, status in ((100, 200), (101, 431)):
        async with client(engine) as one:
            one.send(LIVE[:-2] + b"".join(b"x-%d: %b\r\n" % (n, b"x" * 150) for n in range(count - 1)) + b"\r\n")
            assert await one.answer() == status


async def test_a_trailer_is_not_a_header(engine: Engine) -> None:
    async with client(engine) as one:
        for _ in range(2):
            one.send(CHUNKED + b"%x\r\n%b\r\n0\r\nIdempotency-Key: k\r\n\r\n" % (len(BODY), BODY))
            assert await one.answer() == 202
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders WHERE idempotency_key IS NULL") == 2


async def test_requests_before_an_invalid_one_are_answered_and_nothing_after_it(engine: Engine) -> None:
    order = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    async with client(engine) as one:
        one.send(order + order + b"nonsense\r\n\r\n" + order)
        flooding = asyncio.create_task(one.flood(itertools.repeat(order)))
        assert [status for status, _ in await one.answers()] == [202, 202]
        assert await flooding < ENOUGH
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 2


async def test_a_path_over_2_kib_is_refused_with_or_without_end(engine: Engine) -> None:
    for begin, repeated in ((b"GET /web/", b"a/" * 1_500), (UPGRADE.split()[0] + b" /api/stream?", b"x" * 65_536)):
        async with client(engine) as one:
            one.send(begin)
            flooding = asyncio.create_task(one.flood(itertools.repeat(repeated)))
            assert [status for status, _ in await one.answers()] == [414]
            assert await flooding < ENOUGH
    async with client(engine) as one:
        one.send(LIVE.replace(b"live", b"live?" + b"x" * 2_000))
        assert await one.answer() == 200


async def test_an_order_with_too_large_headers_is_not_placed(engine: Engine) -> None:
    for padding in (b"X: %b" % (b"x" * 33_000), b"X:%bx" % (b" " * 33_000)):
        async with client(engine) as one:
            one.send(POST + padding + b"\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
            assert [status for status, _ in await one.answers()] == [431]
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


CHUNK = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
NOT_SUPPORTED = {
    "a compressed body": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNK, 501),
    "two codings": (POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK, 501),
    "HTTP/2 in the text of HTTP/1": (LIVE.replace(b"HTTP/1.1", b"HTTP/2.0"), 505),
    "HTTP/0.9": (LIVE.replace(b"HTTP/1.1", b"HTTP/0.9"), 505),
    "two equal hosts": (LIVE[:-2] + b"Host: localhost\r\n\r\n", 400),
    "two hosts of a WebSocket": (UPGRADE + b"Host: localhost\r\n\r\n", 400),
}


async def test_what_is_not_supported_is_refused_and_not_ignored(engine: Engine) -> None:
    for what, (request, expected) in NOT_SUPPORTED.items():
        async with client(engine) as one:
            one.send(request)
            assert [status for status, _ in await one.answers()] == [expected], what
    answer = await engine.http.post(
        "/api/orders/execute", content=BODY, headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    assert answer.status_code == 415
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


# ---- requests sent ahead ----


async def test_requests_sent_ahead_are_answered_in_turn(engine: Engine) -> None:
    order = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    chunked = CHUNKED + CHUNK
    for kinds in ([LIVE], [order], [chunked], [order, LIVE, chunked, LIVE]):
        requests = [kinds[n % len(kinds)] for n in range(40)]
        expected = [200 if request == LIVE else 202 for request in requests]
        for size in (100_000, 1_000, 7):
            data = b"".join(requests)
            async with client(engine) as one:
                for start in range(0, len(data), size):
                    one.send(data[start : start + size])
                    await asyncio.sleep(0)
                assert [await one.answer() for _ in requests] == expected


async def test_requests_far_ahead_close_the_connection_after_the_answers(engine: Engine) -> None:
    async with client(engine) as one:
        one.send(LIVE * 10_000)
        *answered, last = [status for status, _ in await one.answers()]
        assert len(answered) < http_protocol.MAX_AHEAD / len(LIVE) + 10
        assert set(answered) == {200}
        assert last in (200, 400)


async def test_requests_sent_ahead_are_not_parsed_before_their_turn(engine: Engine) -> None:
    async with contextlib.AsyncExitStack() as stack:
        ahead = [await stack.enter_async_context(client(engine)) for _ in range(20)]
        for one in ahead:
            one.send(LIVE.replace(b"/health/live", b"/api/tokens") * 64)
        most = 0
        for one in ahead:
            assert await one.answer() == 200
            most = max(most, sum(isinstance(found, RequestResponseCycle) for found in gc.get_objects()))
        assert most <= 20 * 4


async def test_a_client_that_leaves_an_event_stream_is_noticed_though_it_sent_something_ahead(engine: Engine) -> None:
    order = (await engine.place())["orderId"].encode()

    async def open_streams() -> int:
        return int((await engine.http.get("/api/limits")).json()["streams"]["open"])

    async with client(engine) as one:
        one.send(b"GET /api/orders/%b/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n" % order)
        await one.head()
        assert await open_streams() == 1
        one.send(b"G")
        await one.writer.drain()

    async def noticed() -> bool:
        return await open_streams() == 0

    await eventually(noticed, within=12)  # it is sent something every 15 s


# ---- time ----


async def drip(one: Client, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            one.send(data)
            await asyncio.sleep(0.02)


DRIPPING = [
    (b"", b""),
    (b"", b"\r\n"),
    (b"GET / HTT", b""),
    (b"GET / HTTP/1.1\r\nX: ", b"x"),
    (LIVE + b"GET / HTT", b""),
    (LIVE, b""),
    (LIVE, b"\r\n"),
    (LIVE.replace(b"\r\n\r\n", b"\r\nContent-Length: 9999\r\n\r\n"), b" "),
    (LIVE.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), b"1\r\n \r\n"),
]


async def test_a_connection_without_a_complete_request_is_closed_whatever_drips(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wait in ("HEAD", "IDLE", "LINGER"):
        monkeypatch.setattr(http_protocol, wait, Wait(0.3))

    async def closed(sent: bytes, dripped: bytes) -> None:
        async with client(engine) as one:
            one.send(sent)
            dripping = asyncio.create_task(drip(one, dripped))
            assert [status for status, _ in await one.answers()] == [200] * sent.count(b"/health/live")
            dripping.cancel()

    await asyncio.gather(*(closed(*each) for each in DRIPPING))


async def test_a_connection_is_kept_when_the_rest_of_an_answered_request_arrives_in_time(engine: Engine) -> None:
    async with client(engine) as one:
        for _ in range(2):
            one.send(LIVE.replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\nab"))
            assert await one.answer() == 200
            one.send(b"cd")
        one.send(LIVE)
        assert await one.answer() == 200


async def test_a_refusal_can_be_read_while_the_body_is_still_being_sent(engine: Engine) -> None:
    async with client(engine) as one:
        one.send(POST + b"Content-Length: 100000000\r\nConnection: close\r\n\r\n")
        flooding = asyncio.create_task(one.flood(itertools.repeat(b" " * 65_536, 200)))
        [(status, _)] = await one.answers()
        assert status == 413
        await flooding


async def test_a_client_that_does_not_read_its_answers_is_dropped(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "UNREAD", Wait(0.3))
    monkeypatch.setattr(connections, "CLOSING", Wait(0.1))
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.setblocking(False)
        await asyncio.get_running_loop().sock_connect(one, ("127.0.0.1", port(engine)))
        one.send(LIVE.replace(b"/health/live", b"/openapi.json") * 64)
        poll = select.poll()
        poll.register(one, 0)

        async def reset() -> bool:
            return bool(poll.poll(0))  # without reading

        await eventually(reset)
