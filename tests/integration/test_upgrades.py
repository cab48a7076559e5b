"""Requests that ask for an upgrade: `curl --http2` and Java's HttpClient ask for h2c with every first request."""

import asyncio
import re

import orjson
import pytest

from tests.engine import SELL_SOL, Engine

BODY = orjson.dumps(SELL_SOL)
POST = b"POST /api/orders/execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
SIZED = b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (BODY[:5], len(BODY) - 5, BODY[5:])
LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def statuses(engine: Engine, *writes: bytes) -> list[int]:
    """The statuses of all answers on one connection, until the engine closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(engine.base_url.rpartition(":")[2]))
    async with asyncio.timeout(5):
        for data in writes:
            writer.write(data)
            await asyncio.sleep(0.001)  # the engine runs in this loop, and reads each write on its own
        received = await reader.read()
    writer.close()
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", received)]


async def placed(engine: Engine) -> int:
    return int(await engine.postgres.fetchval("SELECT count(*) FROM orders"))


@pytest.mark.parametrize("upgrade", [H2C, WEBSOCKET])
@pytest.mark.parametrize("body", [SIZED, CHUNKED])
async def test_an_order_that_asks_for_an_upgrade_is_placed_like_any_other(
    engine: Engine, upgrade: bytes, body: bytes
) -> None:
    request = POST + upgrade + body
    assert await statuses(engine, request + LIVE) == [202, 200]
    assert await statuses(engine, request, request, LIVE) == [202, 202, 200]
    assert await statuses(engine, request[: -len(body)], body[:9], body[9:] + request, LIVE) == [202, 202, 200]
    assert await statuses(engine, *(bytes([byte]) for byte in request), LIVE) == [202, 200]
    assert await placed(engine) == 6


async def test_a_get_that_asks_for_an_upgrade_to_h2c_is_answered(engine: Engine) -> None:
    assert await statuses(engine, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + H2C + b"\r\n" + LIVE) == [
        200,
        200,
    ]


async def test_the_body_of_a_request_that_asks_for_an_upgrade_is_never_taken_for_a_request(engine: Engine) -> None:
    inner = POST + SIZED
    sized, chunk = b"Content-Length: %d\r\n" % len(inner), b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
    for upgrade in (H2C, WEBSOCKET):
        for framed in (sized + b"\r\n" + inner, b"Transfer-Encoding: chunked\r\n\r\n" + chunk):
            request = POST + upgrade + framed
            assert await statuses(engine, request + LIVE) == [400, 200]
            assert await statuses(engine, request[: -len(inner)], request[-len(inner) :], LIVE) == [400, 200]
        # Two opinions about where the body ends.
        for both in (sized + b"Transfer-Encoding: chunked\r\n\r\n" + chunk, sized * 2 + b"\r\n" + inner):
            assert await statuses(engine, POST + upgrade + both) == [400]
    assert await statuses(
        engine, b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n" + WEBSOCKET + sized + b"\r\n" + inner
    ) == [400]
    assert await statuses(engine, b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n" + inner) == [400]
    assert await placed(engine) == 0
