"""The scripts of orders: their line, and their announcements."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError

from app.lua import Script

HERE = Path(__file__).parent

ANNOUNCE = Script(HERE / "announce.lua")
CLAIM = Script(HERE / "claim.lua")
DEPTH = Script(HERE / "depth.lua")
ENQUEUE = Script(HERE / "enqueue.lua")
FINISH = Script(HERE / "finish.lua")
PRIME = Script(HERE / "prime.lua")
PULSE = Script(HERE / "pulse.lua")
RENEW = Script(HERE / "renew.lua")


async def pipelined(redis: Redis, fill: Callable[[Pipeline], None]) -> list[Any]:
    """One round trip for all that `fill` puts into the pipeline. It may run twice: every script bears that."""
    try:
        return await _execute(redis, fill)
    except NoScriptError:
        for script in (ANNOUNCE, ENQUEUE):
            await redis.script_load(script.text)
        return await _execute(redis, fill)


async def _execute(redis: Redis, fill: Callable[[Pipeline], None]) -> list[Any]:
    pipe = redis.pipeline(transaction=False)
    fill(pipe)
    return await pipe.execute()
