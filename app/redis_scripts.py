"""Lua scripts: what has to happen in Redis as one step."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError

Argument = str | bytes | int | float

_SCRIPTS: list["Script"] = []  # every script of this process, to load again after a restart of Redis


class Script:
    """One script, called by its digest. Its text is sent only when Redis does not know it (any more)."""

    def __init__(self, *files: Path) -> None:
        self.text = "".join(file.read_text() for file in files)
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        _SCRIPTS.append(self)

    def add_to(self, pipe: Pipeline, keys: Sequence[str], arguments: Sequence[Argument]) -> None:
        """Call it as part of a pipeline, which has to be run by `pipelined`."""
        pipe.evalsha(self.digest, len(keys), *keys, *arguments)  # type: ignore[arg-type]

    async def call(self, redis: Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        try:
            return await redis.evalsha(self.digest, len(keys), *keys, *arguments)  # type: ignore[arg-type, misc]
        except NoScriptError:
            return await redis.eval(self.text, len(keys), *keys, *arguments)  # type: ignore[arg-type, misc]


async def pipelined(redis: Redis, fill: Callable[[Pipeline], None]) -> list[Any]:
    """One round trip for all commands that `fill` adds. They may run twice, so each must be safe to repeat."""
    try:
        return await _execute(redis, fill)
    except NoScriptError:  # Redis was restarted or flushed: it has lost all of them, not just the first one called
        loading = redis.pipeline(transaction=False)
        for script in _SCRIPTS:
            loading.script_load(script.text)
        await loading.execute()
        return await _execute(redis, fill)


async def _execute(redis: Redis, fill: Callable[[Pipeline], None]) -> list[Any]:
    pipe = redis.pipeline(transaction=False)
    fill(pipe)
    return await pipe.execute()
