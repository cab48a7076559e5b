"""Tasks that run beside everything else: they outlast what goes wrong in them, and end when they are told to."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from typing import Any

log = logging.getLogger("engine.background")

AFTER_A_FAULT = 1.0  # seconds
FULL_LOOK_EVERY = 1_000  # looks at what lives briefly; Python's own is 10


def run_forever(name: str, loop: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
    """Run this endless loop, and run it again if it fails: nobody would notice that it had ended."""

    async def run() -> None:
        while True:
            try:
                await loop()
            except Exception:
                log.exception("a background task failed and goes on", extra={"task": name})
            await asyncio.sleep(AFTER_A_FAULT)

    return asyncio.create_task(run(), name=name)


def freeze_gc() -> None:
    """Called once a process is ready: looking for garbage shall not stop it time and again.

    What it has made so far stays, and is not looked through at all: that took 40 ms about once in a thousand orders.
    Each open socket adds some two hundred objects that stay long, too; they are looked through a hundred times less
    often than Python would. What lives briefly, it goes on looking through.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_LOOK_EVERY)


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel these tasks until they are done.

    Once is not always enough: on Python 3.11 a cancellation that meets redis-py's look into its socket, a timeout
    of zero seconds, is taken for that timeout and lost.
    """
    waiting = set(tasks)
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=0.5)
