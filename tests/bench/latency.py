"""Latencies as clients see them: from a POST to the first step of its order, and the times at which events arrive."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import orjson

from tests.bench.load import Connection, percentile, request
from tests.bench.websocket import WebSocket, ignore_close, open_socket

STEP_SECONDS = 20.0  # after that the order is stuck, not slow
SUBSCRIBE = b'{"op":"subscribe","orders":"all"}'
REPLAYED_SECONDS = 0.1  # after a socket is opened: earlier events may be a replay
PLACED_PER_SECOND = 250


class AllOrdersStream:
    """The times at which `routing` and `confirmed` of each order arrive on /api/stream."""

    def __init__(self) -> None:
        self.subscribed = asyncio.Event()
        self.started: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.received_end = asyncio.Event()

    def on_text(self, text: bytes) -> None:
        now = time.perf_counter()
        if b'"status":"routing"' in text:
            self.started.setdefault(orjson.loads(text)["orderId"], now)
        elif b'"status":"confirmed"' in text:
            self.ended[orjson.loads(text)["orderId"]] = now
            self.received_end.set()
        elif b'"type":"subscribed"' in text:
            self.subscribed.set()

    async def end_of(self, order: str) -> None:
        async with asyncio.timeout(STEP_SECONDS):
            while order not in self.ended:
                self.received_end.clear()
                await self.received_end.wait()


async def idle(port: int, path: str, body: str, count: int, caller: str) -> dict[str, Any]:
    """One order at a time, each after the previous one has ended: POST sent → `routing` received on an open socket."""
    stream, answers = AllOrdersStream(), asyncio.Queue[bytes]()
    socket = await open_socket(port, "/api/stream", stream.on_text, ignore_close, caller)
    socket.send(SUBSCRIBE)
    async with asyncio.timeout(STEP_SECONDS):
        await stream.subscribed.wait()
    post, took = request(port, path, body, caller), []
    poster = await open_connection(port, post, lambda _, __, body: answers.put_nowait(body))
    for _ in range(count):
        if not poster.is_open:  # the order before it took so long that the server closed it
            poster = await open_connection(port, post, lambda _, __, body: answers.put_nowait(body))
        poster.send()
        async with asyncio.timeout(STEP_SECONDS):
            order = orjson.loads(await answers.get())["orderId"]
        await stream.end_of(order)
        took.append(stream.started[order] - poster.sent_at)
        await asyncio.sleep(random.uniform(0.002, 0.006))
    socket.close()
    poster.close()
    return {"p50_ms": percentile(took, 50) * 1000, "p99_ms": percentile(took, 99) * 1000}


class LiveOrders:
    """A constant number of live orders with a socket each: when one ends, another is placed."""

    def __init__(self, port: int, path: str, body: str, caller: str) -> None:
        self._port, self._path, self._caller = port, path, caller
        self._post = request(port, path, body, caller)
        self._connections: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.sockets: dict[str, WebSocket] = {}
        self.received: list[tuple[str, int, float]] = []
        self.cut = 0
        self.running = True

    async def place(self) -> None:
        # The one used last: a server closes those that have been idle for some seconds.
        self._connections = [one for one in self._connections if one.is_open]
        if self._connections:
            connection = self._connections.pop()
        else:
            connection = await open_connection(self._port, self._post, self._placed)
        connection.send()

    def _placed(self, connection: Connection, status: bytes, body: bytes) -> None:
        self._connections.append(connection)
        if status == b"202":
            self._run(self._follow(orjson.loads(body)["orderId"]))
        else:
            self.cut += 1

    async def _follow(self, order: str) -> None:
        opened = float("inf")

        def on_text(text: bytes) -> None:
            if (now := time.time()) > opened + REPLAYED_SECONDS:
                self.received.append((order, orjson.loads(text)["seq"], now))

        def on_close(code: int | None) -> None:
            self.sockets.pop(order, None)
            self.cut += code != 1000 and self.running
            if self.running:
                self._run(self.place())

        path = f"{self._path}?orderId={order}"
        socket = await open_socket(self._port, path, on_text, on_close, self._caller)
        opened = time.time()
        self.sockets[order] = socket

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def live(port: int, path: str, body: str, orders: int, seconds: float, caller: str) -> dict[str, Any]:
    """The events that arrived while this many orders were live: order, number, time."""
    live_orders = LiveOrders(port, path, body, caller)
    for _ in range(orders):
        await live_orders.place()
        await asyncio.sleep(1 / PLACED_PER_SECOND)
    deadline = time.monotonic() + STEP_SECONDS
    while len(live_orders.sockets) < orders * 0.9 and time.monotonic() < deadline:  # a slow machine is behind by now
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)
    live_orders.received.clear()
    min_live = len(live_orders.sockets)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        min_live = min(min_live, len(live_orders.sockets))
    live_orders.running = False
    received = list(live_orders.received)
    for socket in list(live_orders.sockets.values()):
        socket.close()
    return {"received": received, "min_live": min_live, "cut": live_orders.cut}


async def open_connection(
    port: int, request: bytes, answered: Callable[[Connection, bytes, bytes], None]
) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(answered, ignore_loss), "127.0.0.1", port
    )
    connection.request = request
    return connection


def ignore_loss() -> None:
    """A connection for POSTs may be closed at the end of its run."""
