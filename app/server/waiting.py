"""What a socket waits with, in place of asyncio's Queue and Event: those take 4 KiB of each open socket."""

import asyncio
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """A queue for one task that takes from it."""

    __slots__ = ("_items", "_waiter")

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._waiter: asyncio.Future[None] | None = None

    def empty(self) -> bool:
        return not self._items

    def put_nowait(self, item: Item) -> None:
        self._items.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self) -> Item:
        while not self._items:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._items.pop(0)


class Gate:
    """Open at first: `wait` waits only while it is shut."""

    __slots__ = ("_opens",)

    def __init__(self) -> None:
        self._opens: asyncio.Future[None] | None = None

    def is_set(self) -> bool:
        return self._opens is None

    def set(self) -> None:
        opens, self._opens = self._opens, None
        if opens is not None:
            opens.set_result(None)

    def clear(self) -> None:
        if self._opens is None:
            self._opens = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        while self._opens is not None:
            await asyncio.shield(self._opens)  # or a task that is cancelled would open it for all
