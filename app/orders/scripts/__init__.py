"""The Lua scripts: what must happen in Redis as one step."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError

Argument = str | bytes | int | float


class Script:
    """One script, called by its digest: its text travels only when Redis does not know it (any more)."""

    def __init__(self, name: str) -> None:
        self.text = (Path(__file__).parent / f"{name}.lua").read_text()
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def on(self, pipe: Pipeline, keys: Sequence[str], arguments: Sequence[Argument]) -> None:
        """As part of a pipeline; see `pipelined`."""
        pipe.evalsha(self.digest, len(keys), *keys, *arguments)  # type: ignore[arg-type]

    async def call(self, redis: Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        try:
            return await redis.evalsha(self.digest, len(keys), *keys, *arguments)  # type: ignore[arg-type, misc]
        except NoScriptError:
            return await redis.eval(self.text, len(keys), *keys, *arguments)  # type: ignore[arg-type, misc]


ANNOUNCE = Script("announce")
CLAIM = Script("claim")
DEPTH = Script("depth")
ENQUEUE = Script("enqueue")
FINISH = Script("finish")
PRIME = Script("prime")
PULSE = Script("pulse")
RENEW = Script("renew")


async def pipelined(redis: Redis, fill: Callable[[Pipeline], None]) -> list[Any]:
    """One round trip for all that `fill` puts into the pipeline. It may run twice: every script bears that."""
    try:
        return await _execute(redis, fill)
    except NoScriptError:
        for script in (ANNOUNCE, ENQUEUE, FINISH):
            await redis.script_load(script.text)
        return await _execute(redis, fill)


async def _execute(redis: Redis, fill: Callable[[Pipeline], None]) -> list[Any]:
    pipe = redis.pipeline(transaction=False)
    fill(pipe)
    return await pipe.execute()
