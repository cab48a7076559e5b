"""How long news takes: from a POST to its order's first step, and from a commit to those who listen."""

import asyncio
import random
import time
from collections import deque
from typing import Any

import orjson

from tests.bench.ears import Ear, ignore, listen
from tests.bench.load import Connection, percentile, request

STEP_SECONDS = 20.0  # more is no delay, but something broken
SUBSCRIBE = b'{"op":"subscribe","orders":"all"}'
REPLAYED_SECONDS = 0.1  # after a socket is opened: what comes sooner may be its past
PLACED_PER_SECOND = 250


class Stream:
    """Every order's `routing` and `confirmed`, with the moment at which they were heard."""

    def __init__(self) -> None:
        self.subscribed = asyncio.Event()
        self.started: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.news = asyncio.Event()

    def hear(self, text: bytes) -> None:
        now = time.perf_counter()
        if b'"status":"routing"' in text:
            self.started.setdefault(orjson.loads(text)["orderId"], now)
        elif b'"status":"confirmed"' in text:
            self.ended[orjson.loads(text)["orderId"]] = now
            self.news.set()
        elif b'"type":"subscribed"' in text:
            self.subscribed.set()

    async def end_of(self, order: str) -> None:
        async with asyncio.timeout(STEP_SECONDS):
            while order not in self.ended:
                self.news.clear()
                await self.news.wait()


async def idle(port: int, path: str, body: str, count: int) -> dict[str, Any]:
    """One order at a time, each after the last has ended: POST sent → `routing` heard on a socket that was open."""
    stream, answers = Stream(), asyncio.Queue[bytes]()
    ear = await listen(port, "/api/stream", stream.hear, ignore)
    ear.say(SUBSCRIBE)
    async with asyncio.timeout(STEP_SECONDS):
        await stream.subscribed.wait()
    loop = asyncio.get_running_loop()
    _, caller = await loop.create_connection(
        lambda: Connection(lambda _, __, body: answers.put_nowait(body), none), port=port
    )
    post, took = request(port, path, body), []
    for _ in range(count):
        caller.send(post)
        async with asyncio.timeout(STEP_SECONDS):
            order = orjson.loads(await answers.get())["orderId"]
        await stream.end_of(order)
        took.append(stream.started[order] - caller.sent_at)
        await asyncio.sleep(random.uniform(0.002, 0.006))
    ear.close()
    caller.close()
    return {"p50_ms": percentile(took, 50) * 1000, "p99_ms": percentile(took, 99) * 1000}


class Live:
    """`alive` orders at any time, a socket each: one that has ended is followed by another."""

    def __init__(self, port: int, path: str, body: str) -> None:
        self._port, self._path = port, path
        self._post = request(port, path, body)
        self._callers: deque[Connection] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self.ears: dict[str, Ear] = {}
        self.heard: list[tuple[str, int, float]] = []
        self.cut = 0
        self.going = True

    async def place(self) -> None:
        if not self._callers:
            loop = asyncio.get_running_loop()
            self._callers.append(
                (await loop.create_connection(lambda: Connection(self._placed, none), port=self._port))[1]
            )
        self._callers.popleft().send(self._post)

    def _placed(self, caller: Connection, status: bytes, body: bytes) -> None:
        self._callers.append(caller)
        if status == b"202":
            self._run(self._follow(orjson.loads(body)["orderId"]))
        else:
            self.cut += 1

    async def _follow(self, order: str) -> None:
        opened = float("inf")

        def hear(text: bytes) -> None:
            if (now := time.time()) > opened + REPLAYED_SECONDS:
                self.heard.append((order, orjson.loads(text)["seq"], now))

        def gone(code: int | None) -> None:
            self.ears.pop(order, None)
            self.cut += code != 1000 and self.going
            if self.going:
                self._run(self.place())

        ear = await listen(self._port, f"{self._path}?orderId={order}", hear, gone)
        opened = time.time()
        self.ears[order] = ear

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def live(port: int, path: str, body: str, alive: int, seconds: float) -> dict[str, Any]:
    """What was heard by whom and when, once so many orders were alive."""
    crowd = Live(port, path, body)
    for _ in range(alive):
        await crowd.place()
        await asyncio.sleep(1 / PLACED_PER_SECOND)
    await asyncio.sleep(2)
    crowd.heard.clear()
    least = len(crowd.ears)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        least = min(least, len(crowd.ears))
    crowd.going = False
    heard = list(crowd.heard)
    for ear in list(crowd.ears.values()):
        ear.close()
    return {"heard": heard, "least_alive": least, "cut": crowd.cut}


def none() -> None:
    """A caller's connection may end with its run."""
