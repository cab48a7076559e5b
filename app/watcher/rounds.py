"""Work of a watcher that is looked for once a second."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from app.postgres.errors import DatabaseUnavailable
from app.tasks import count_failure

log = logging.getLogger("engine.watcher")

ROUND_SECONDS = 1.0


async def repeat(
    work: Callable[[], Awaitable[bool]], may_run: Callable[[], bool], *, sooner: asyncio.Event | None = None
) -> None:
    """`work` says whether there is more to do: then it is called again at once. `sooner`: it is not waited for then."""
    sooner = sooner or asyncio.Event()
    while True:
        try:
            more = may_run() and await work()
        except DatabaseUnavailable as error:
            log.warning("the watcher waits for Postgres", extra={"error": repr(error.__cause__)})
            more = False
        if not more:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await sooner.wait()


async def attempt(task: str, step: Callable[..., Awaitable[bool | None]], *arguments: Any) -> bool:
    """Whether this step has more to do; not if it says nothing, or fails. One that fails stops no other step."""
    try:
        return bool(await step(*arguments))
    except DatabaseUnavailable as error:
        log.warning("the watcher waits for Postgres", extra={"task": task, "error": repr(error.__cause__)})
    except Exception:
        count_failure(task)
    return False
