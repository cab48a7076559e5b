"""Ending background tasks."""

import asyncio
from typing import Any


async def ended(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel these tasks until they are done.

    Once is not always enough: on Python 3.11 a cancellation that meets redis-py's look into its socket, a timeout
    of zero seconds, is taken for that timeout and lost.
    """
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=0.5)
