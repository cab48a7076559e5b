"""Thousands of sockets with an order each. A socket that is cut reconnects by itself."""

import asyncio
import random
import time
from typing import Any

import orjson

from tests.bench.load import Run, perform, request
from tests.bench.websocket import HandshakeFailed, WebSocket, open_socket

MAX_HANDSHAKES = 200  # concurrent handshakes: fewer than the backlog of a listening socket
TIMEOUT_SECONDS = 300.0


class Follower:
    """Follows one order to its end."""

    def __init__(self, clients: "SocketClients", order: str) -> None:
        self._clients = clients
        self._order = order
        self.last = 0
        self.gaps = 0
        self.ended = False
        self._socket: WebSocket | None = None

    def on_text(self, text: bytes) -> None:
        seq = orjson.loads(text)["seq"]
        self.gaps += seq != self.last + 1
        self.last = seq
        self._clients.progress.set()

    def on_close(self, code: int | None) -> None:
        if code == 1000:
            self.ended = True
            self._clients.progress.set()
        elif self._socket:
            self._socket = None
            self._clients.run(self.connect())

    async def connect(self) -> None:
        """Retry until a socket is open."""
        while self._socket is None:
            async with self._clients.handshakes:
                path = f"{self._clients.path}?orderId={self._order}&after={self.last}"
                try:
                    async with asyncio.timeout(TIMEOUT_SECONDS):
                        self._socket = await open_socket(
                            self._clients.port, path, self.on_text, self.on_close, self._clients.caller
                        )
                except (OSError, HandshakeFailed):
                    await asyncio.sleep(random.uniform(0.02, 0.1))


class SocketClients:
    def __init__(self, port: int, path: str, caller: str) -> None:
        self.port, self.path, self.caller = port, path, caller
        self.followers: list[Follower] = []
        self.handshakes = asyncio.Semaphore(MAX_HANDSHAKES)
        self.progress = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, seq: int, *, ended: bool = False) -> dict[str, Any]:
        """Wait until all have received this event (and the end); return the time and the number of gaps."""
        waiting = list(self.followers)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while waiting := [one for one in waiting if one.last < seq or (ended and not one.ended)]:
                    self.progress.clear()
                    await self.progress.wait()
                    await asyncio.sleep(0.02)  # thousands arrive at once: do not check after each one
        except TimeoutError:
            raise TimeoutError(f"{len(waiting)} of {len(self.followers)} had not received event {seq}") from None
        return {"at": time.time(), "gaps": sum(one.gaps for one in self.followers)}


_current: list[SocketClients] = []  # the only one of this process


async def place(port: int, path: str, body: str, count: int, caller: str) -> dict[str, Any]:
    run = Run([request(port, path, body, caller)], count)
    run.bodies = []
    await perform(run, port, 32)
    clients = SocketClients(port, path, caller)
    clients.followers = [Follower(clients, orjson.loads(answer)["orderId"]) for answer in run.bodies]
    _current[:] = [clients]
    return {"placed": len(clients.followers)}


async def open_all() -> dict[str, Any]:
    began = time.perf_counter()
    for follower in _current[0].followers:
        _current[0].run(follower.connect())
    return {**await _current[0].until(1), "seconds": time.perf_counter() - began}


async def wait(seq: int, ended: bool = False) -> dict[str, Any]:
    return await _current[0].until(seq, ended=ended)
