"""Limits how many requests begin in one turn of the loop.

A request of several steps waits, in each step, for all that begin in that turn. While 200 clients repeated a request,
each step of another one waited for 200 others, and it took seconds.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

TURNS = 32  # with fewer, orders that come at once are written in smaller batches


class Turns:
    """At most so many calls in one turn of the loop, first come, first served."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._begun = 0  # in this turn
        self._is_counting = False

    def begin(self, call: Callable[..., None], *arguments: Any) -> None:
        """At once, unless as many have begun."""
        if self._begun == TURNS:
            return self.wait(partial(call, *arguments))
        self._begun += 1
        self._count()
        call(*arguments)

    def wait(self, call: Callable[[], None]) -> None:
        """In another turn."""
        self._waiting.append(call)
        self._count()

    def _count(self) -> None:
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._is_counting = False
        self._begun = min(TURNS, len(self._waiting))
        for _ in range(self._begun):
            asyncio.get_running_loop().call_soon(self._waiting.popleft())
        if self._begun:
            self._count()
