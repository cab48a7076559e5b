"""Thousands of sockets, an order each, that come back by themselves when they are cut off."""

import asyncio
import random
import time
from typing import Any

import orjson

from tests.bench.ears import Ear, NotOpened, listen
from tests.bench.load import Run, perform, request

AT_ONCE = 200  # handshakes under way: fewer than wait in a listening socket's line
PATIENCE = 300.0


class Member:
    """One who follows an order to its end."""

    def __init__(self, crowd: "Crowd", order: str) -> None:
        self._crowd = crowd
        self._order = order
        self.last = 0
        self.gaps = 0
        self.ended = False
        self._ear: Ear | None = None

    def hear(self, text: bytes) -> None:
        seq = orjson.loads(text)["seq"]
        self.gaps += seq != self.last + 1
        self.last = seq
        self._crowd.progress.set()

    def gone(self, code: int | None) -> None:
        if code == 1000:
            self.ended = True
            self._crowd.progress.set()
        elif self._ear:
            self._ear = None
            self._crowd.run(self.come())

    async def come(self) -> None:
        """However often it takes."""
        while self._ear is None:
            async with self._crowd.doors:
                path = f"{self._crowd.path}?orderId={self._order}&after={self.last}"
                try:
                    async with asyncio.timeout(PATIENCE):
                        self._ear = await listen(self._crowd.port, path, self.hear, self.gone)
                except (OSError, NotOpened):
                    await asyncio.sleep(random.uniform(0.02, 0.1))


class Crowd:
    def __init__(self, port: int, path: str) -> None:
        self.port, self.path = port, path
        self.members: list[Member] = []
        self.doors = asyncio.Semaphore(AT_ONCE)
        self.progress = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, seq: int, *, ended: bool = False) -> dict[str, Any]:
        """All have heard so much; or the end. When, and how many gaps they found in what they were told."""
        waiting = list(self.members)
        try:
            async with asyncio.timeout(PATIENCE):
                while waiting := [one for one in waiting if one.last < seq or (ended and not one.ended)]:
                    self.progress.clear()
                    await self.progress.wait()
                    await asyncio.sleep(0.02)  # thousands at once: not one look for each
        except TimeoutError:
            raise TimeoutError(f"{len(waiting)} of {len(self.members)} had not heard event {seq}") from None
        return {"at": time.time(), "gaps": sum(one.gaps for one in self.members)}


_crowds: list[Crowd] = []  # the one of this process


async def place(port: int, path: str, body: str, count: int) -> dict[str, Any]:
    run = Run(request(port, path, body), count)
    run.bodies = []
    await perform(run, port, 32)
    crowd = Crowd(port, path)
    crowd.members = [Member(crowd, orjson.loads(answer)["orderId"]) for answer in run.bodies]
    _crowds[:] = [crowd]
    return {"placed": len(crowd.members)}


async def open_all() -> dict[str, Any]:
    began = time.perf_counter()
    for member in _crowds[0].members:
        _crowds[0].run(member.come())
    return {**await _crowds[0].until(1), "seconds": time.perf_counter() - began}


async def hear(seq: int, ended: bool = False) -> dict[str, Any]:
    return await _crowds[0].until(seq, ended=ended)
