"""Lua scripts: what must happen in Redis as one step."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError

Argument = str | bytes | int | float


class Script:
    """One script, called by its digest: its text travels only when Redis does not know it (any more)."""

    def __init__(self, file: Path) -> None:
        self.text = file.read_text()
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def on(self, pipe: Pipeline, keys: Sequence[str], arguments: Sequence[Argument]) -> None:
        """As part of a pipeline, whose owner loads the script if Redis does not know it."""
        pipe.evalsha(self.digest, len(keys), *keys, *arguments)  # type: ignore[arg-type]

    async def call(self, redis: Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        try:
            return await redis.evalsha(self.digest, len(keys), *keys, *arguments)  # type: ignore[arg-type, misc]
        except NoScriptError:
            return await redis.eval(self.text, len(keys), *keys, *arguments)  # type: ignore[arg-type, misc]
