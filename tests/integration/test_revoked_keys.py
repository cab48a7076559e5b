"""A key that is revoked stops working: its requests, its tickets and its open streams."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator

import asyncpg
import orjson
import pytest
from websockets.asyncio.client import connect

from app.access import keys
from app.access.keyring import REFRESH_SECONDS, STILL_SECONDS
from tests.engine import HAPPY, SELL_SOL, eventually, read_to_end
from tests.integration.test_access import Guarded, guarded, new_key

__all__ = ["guarded"]


async def test_a_revoked_key_and_its_tickets_stop_working_within_seconds(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await guarded.place("a")
    connection = await asyncpg.connect(guarded.dsn)
    try:
        assert await keys.revoke(connection, guarded.held["a"][: keys.PREFIX_LENGTH]) == "a"
        assert await keys.revoke(connection, guarded.held["a"][: keys.PREFIX_LENGTH]) is None
        assert all(guarded.held[key.owner].startswith(key.prefix) for key in await keys.list_keys(connection))
        stored = await connection.fetch("SELECT api_keys::text FROM api_keys")
    finally:
        await connection.close()
    for key in guarded.held.values():
        assert not any(key[keys.PREFIX_LENGTH + 1 :] in row[0] for row in stored)

    async def refused() -> bool:
        return (await guarded.request("a", "GET", "/api/orders")).status_code == 401

    await eventually(refused, within=REFRESH_SECONDS + 1)
    assert await guarded.closed(order["wsUrl"].removeprefix(guarded.engine.base_url.replace("http", "ws"))) == 4401
    assert (await guarded.request("b", "GET", "/api/orders")).status_code == 200


async def test_a_request_whose_body_ends_after_its_key_was_revoked_does_nothing(guarded: Guarded) -> None:
    whole, head_sent, revoked = orjson.dumps(SELL_SOL), asyncio.Event(), asyncio.Event()

    async def slow_body() -> AsyncIterator[bytes]:
        head_sent.set()
        yield whole[:5]
        await revoked.wait()
        yield whole[5:]

    headers = {"Content-Type": "application/json", "Content-Length": str(len(whole))}
    slow = asyncio.create_task(
        guarded.request("a", "POST", "/api/orders/execute", headers=headers, content=slow_body())
    )
    await head_sent.wait()
    connection = await asyncpg.connect(guarded.dsn)
    await keys.revoke(connection, guarded.held["a"][: keys.PREFIX_LENGTH])

    async def refused() -> bool:
        return (await guarded.request("a", "GET", "/api/orders")).status_code == 401

    await eventually(refused)
    revoked.set()
    assert ((answer := await slow).status_code, answer.json()["code"]) == (401, "unknown_key")
    assert await connection.fetchval("SELECT count(*) FROM orders") == 0
    await connection.close()


async def test_open_streams_end_when_their_key_is_revoked(guarded: Guarded) -> None:
    """Sockets of one order and of many, opened by key or ticket, and event streams. Streams of other keys stay open."""
    other = await new_key(guarded.dsn, "a")

    async def key_works() -> bool:
        return (await guarded.request(None, "GET", "/api/orders", headers={"X-API-Key": other})).is_success

    await eventually(key_works)
    order = await guarded.place("a")
    url = guarded.engine.base_url.replace("http", "ws")
    one, many = f"{url}/api/orders/execute?orderId={order['orderId']}", f"{url}/api/stream"
    mine, others = guarded.headers("a"), {"Authorization": f"Bearer {other}"}
    source = guarded.engine.http.stream(
        "GET", f"/api/orders/{order['orderId']}/events", headers=mine | {"Accept": "text/event-stream"}
    )
    async with (
        asyncio.timeout(REFRESH_SECONDS + 5),
        connect(one, additional_headers=mine) as by_key,
        connect(order["wsUrl"]) as by_ticket,
        connect(many, additional_headers=mine) as of_many,
        connect(one, additional_headers=others) as stays,
        source as event_stream,
    ):
        await of_many.send('{"op":"subscribe","orders":"all"}')
        lines = event_stream.aiter_lines()
        assert await anext(lines) == "id: 1"
        connection = await asyncpg.connect(guarded.dsn)
        await keys.revoke(connection, guarded.held["a"][: keys.PREFIX_LENGTH])
        await connection.close()
        assert [(await read_to_end(ws)).code for ws in (by_key, by_ticket, of_many)] == [4401] * 3
        assert by_key.close_reason == "the API key was revoked, or has expired"
        assert [line async for line in lines if line][-1].startswith("data: ")  # the stream has ended
        await guarded.engine.start_worker()
        assert (await read_to_end(stays)).statuses == HAPPY


def frozen_while_a_key_is_revoked(dsn: str, key: str, *, fails_over: bool = False) -> None:
    async def revoke() -> None:
        connection = await asyncpg.connect(dsn)
        await keys.revoke(connection, key[: keys.PREFIX_LENGTH])
        if fails_over:
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            await connection.fetch(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        await connection.close()

    other = threading.Thread(target=asyncio.run, args=(revoke(),))
    other.start()
    other.join()
    time.sleep(STILL_SECONDS + 0.1)


@pytest.mark.parametrize("socket_of_one", [False, True])
async def test_a_process_that_was_frozen_reads_the_keys_before_it_serves(guarded: Guarded, socket_of_one: bool) -> None:
    """Other processes had refused the key for seconds: 4 of 21 orders were placed with it when this one went on."""
    url, headers, order = guarded.engine.http.base_url, guarded.headers("a"), orjson.dumps(SELL_SOL)
    if socket_of_one:
        async with connect(f"ws://{url.host}:{url.port}/api/orders/execute", additional_headers=headers) as ws:
            await ws.send(order.decode())
            await asyncio.sleep(0)
            frozen_while_a_key_is_revoked(guarded.dsn, guarded.held["a"])
            await ws.wait_closed()
            assert ws.close_code == 4401
    else:
        head = f"POST /api/orders/execute HTTP/1.1\r\nhost: localhost\r\nauthorization: {headers['Authorization']}\r\n"
        more = f"content-type: application/json\r\ncontent-length: {len(order)}\r\n\r\n"
        with socket.create_connection((url.host, url.port)) as client:
            frozen_while_a_key_is_revoked(guarded.dsn, guarded.held["a"])
            client.sendall((head + more).encode() + order)
            assert (await asyncio.to_thread(client.recv, 65_536)).startswith(b"HTTP/1.1 401")
    assert await guarded.engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


async def test_a_process_that_was_frozen_reads_the_keys_over_new_connections(guarded: Guarded) -> None:
    """Postgres had closed those of before, so the first read failed: 10 of 21 orders were placed with a revoked key."""
    url, key, order = guarded.engine.http.base_url, guarded.held["a"], orjson.dumps(SELL_SOL)
    head = f"host: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    clients = [await asyncio.open_connection(url.host, url.port) for _ in range(20)]
    for reader, writer in clients:
        writer.write(f"GET /api/orders HTTP/1.1\r\n{head}\r\n".encode())
        assert (await reader.read(65_536)).startswith(b"HTTP/1.1 200")
    frozen_while_a_key_is_revoked(guarded.dsn, key, fails_over=True)
    place = f"POST /api/orders/execute HTTP/1.1\r\n{head}content-length: {len(order)}\r\n\r\n".encode()
    for _, writer in clients:
        writer.write(place + order)
    assert {(await reader.read(65_536))[:12] for reader, _ in clients} == {b"HTTP/1.1 401"}
    for _, writer in clients:
        writer.close()
    assert await guarded.engine.postgres.fetchval("SELECT count(*) FROM orders") == 0


async def test_a_process_that_was_frozen_sets_a_halt_of_an_operator_who_has_left(guarded: Guarded) -> None:
    """A halt is safe. While the keys were read, the server noticed that its client had closed the connection."""
    url, content = guarded.engine.http.base_url, b'{"state":"halted","reason":"a test"}'
    head = f"PUT /api/kill-switch HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {guarded.held['op']}\r\n"
    more = f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    with socket.create_connection((url.host, url.port)) as client:
        frozen_while_a_key_is_revoked(guarded.dsn, guarded.held["a"])
        client.sendall((head + more).encode() + content)

    async def halted() -> bool:
        shown = await guarded.request("op", "GET", "/api/kill-switch")
        return bool(shown.json()["state"] == "halted")

    await eventually(halted)
