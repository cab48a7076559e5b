"""Background tasks: they continue after an error and end when they are cancelled."""

import asyncio
import gc
import logging
import time
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any, TypeVar

from app import metrics

Result = TypeVar("Result")

log = logging.getLogger("engine.tasks")

RESTART_AFTER = 1.0  # seconds
TURNS = 10  # parts of a time-out, two turns of the event loop for each: reading an answer takes about 4
FAILING_SECONDS = 30.0  # after its last failure a task counts as failing
# New objects before a collection of generation 0, and collections of generations 0 and 1 before one of the next.
# The more new objects, the longer a pause: 6 ms with the 2,000 that newer versions of Python have, 0.8 ms with these.
GC_THRESHOLDS = (350, 10, 2_000)


_failed: dict[str, float] = {}  # task → its last failure, on `time.monotonic`


def count_failure(task: str) -> None:
    """`task`: a constant, it is a label of a metric. Called while the exception is handled."""
    log.exception("a background task failed, and is repeated", extra={"task": task})
    metrics.TASK_FAILURES.labels(task).inc()
    _failed[task] = time.monotonic()


def failing() -> int:
    """How many background tasks of this process fail now."""
    return sum(time.monotonic() - at < FAILING_SECONDS for at in _failed.values())


def run_forever(name: str, loop: Callable[[], Awaitable[None]]) -> "asyncio.Task[None]":
    """Runs an endless loop, and restarts it after an error, which would otherwise end it silently."""

    async def run() -> None:
        while True:
            try:
                await loop()
            except Exception:
                count_failure(name)
            await asyncio.sleep(RESTART_AFTER)

    return asyncio.create_task(run(), name=name)


def freeze_gc() -> None:
    """Shortens the pauses of garbage collection. Called once a process is ready.

    Objects that exist now are frozen and never scanned again: scanning them took 40 ms about once in a thousand orders.
    Each open socket adds about two hundred long-lived objects, so generation 2 is collected a hundred times less often
    than by default. Generations 0 and 1 are collected more often, and so in shorter pauses.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def cancel_and_wait(*tasks: "asyncio.Task[Any]") -> None:
    """Cancels these tasks until they are done.

    One cancellation may be lost: redis-py polls its socket with a timeout of zero seconds, and on Python 3.11 a
    cancellation at that moment is taken for the timeout.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.5)


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """Its result; `TimeoutError` if it takes longer. A timer is set only if it has to wait, which most do not."""
    try:
        waits_for = work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    async with asyncio.timeout(seconds):
        return await _go_on(work, waits_for)


async def within_turns(seconds: float, work: Awaitable[Result]) -> Result:
    """Its result; `TimeoutError` if it takes longer. But not if this process was too busy to read the answer: time
    counts only while the event loop turns.
    """
    loop, left = asyncio.get_running_loop(), TURNS
    timer: asyncio.TimerHandle

    def turn() -> None:
        nonlocal left, timer
        left -= 1
        if left:
            timer = loop.call_later(seconds / TURNS, turn)
        else:
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        timer = loop.call_later(seconds / TURNS, turn)
        try:
            return await work
        finally:
            timer.cancel()


@types.coroutine
def _go_on(work: Coroutine[Any, Any, Result], waits_for: Any) -> Generator[Any, Any, Result]:
    """The rest of a coroutine that has begun to wait for something."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:
            step: Callable[[], Any] = partial(work.throw, error)
        else:
            step = partial(work.send, sent)
        try:
            waits_for = step()
        except StopIteration as done:
            result: Result = done.value
            return result
