"""Streams of one owner take turns: however many follow an order, others are served in between.

An event of an order wakes the task of each stream that follows it. A thousand of them take 50 ms to send it, in which
the loop would serve nobody else.
"""

import asyncio
from collections import Counter, deque

AT_ONCE = 8  # streams of one owner that go on before other tasks run


class Turns:
    """Nothing is held: who has had a turn may wait for its client without end."""

    def __init__(self) -> None:
        self._given: Counter[str | None] = Counter()  # since other tasks ran; unless it is empty, `_begin` is scheduled
        self._waiting: dict[str | None, deque[asyncio.Future[None]]] = {}

    async def next(self, owner: str | None) -> None:
        loop = asyncio.get_running_loop()
        if not self._given:
            loop.call_soon(self._begin)
        if self._given[owner] < AT_ONCE and owner not in self._waiting:
            self._given[owner] += 1
            return
        turn = loop.create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        await turn

    def _begin(self) -> None:
        self._given.clear()
        for owner, waiting in list(self._waiting.items()):
            while waiting and self._given[owner] < AT_ONCE:
                if not (turn := waiting.popleft()).done():  # or its task was cancelled
                    turn.set_result(None)
                    self._given[owner] += 1
            if not waiting:
                del self._waiting[owner]
        if self._given.total():
            asyncio.get_running_loop().call_soon(self._begin)
        else:
            self._given.clear()
