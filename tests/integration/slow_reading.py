"""A client that reads too slowly, and an event log long enough to fill every buffer between it and the engine."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect

from app.orders.events.publisher import BACKLOG
from tests.engine import Engine, eventually


@contextlib.asynccontextmanager
async def slow_client(engine: Engine, path: str) -> AsyncIterator[ClientConnection]:
    """A client with a tiny receive buffer: what it does not read fills the buffers of the engine."""
    sock = socket.socket(proto=socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", int(engine.base_url.rpartition(":")[2])))
    url = engine.base_url.replace("http", "ws") + path
    async with connect(url, sock=sock, proxy=None, compression=None, max_queue=1, close_timeout=1) as ws:
        yield ws


async def long_event_log(engine: Engine, events: int) -> str:
    """An order with that many events in its log."""
    order: str = (await engine.place())["orderId"]
    await engine.postgres.execute(
        """INSERT INTO order_events (order_id, seq, status, attempt, at, details)
           SELECT $1, n, 'routing', 1, now(), json_build_object('noise', repeat('x', 1500))
             FROM generate_series(2, $2::int) n""",
        order,
        events,
    )
    await engine.postgres.execute("UPDATE orders SET seq = $2 WHERE id = $1", order, events)
    await engine.redis.delete(BACKLOG + order)
    return order


async def closed_as_too_slow(caplog: pytest.LogCaptureFixture) -> None:
    """Wait until the engine logs that it closes a slow reader. `caplog` must capture engine.streams."""

    async def logged() -> bool:
        return any(getattr(record, "code", 0) == 4408 for record in caplog.records)

    await eventually(logged)
