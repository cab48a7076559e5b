"""What happens when Redis is down: a call fails at once, and the caller goes on without Redis.

Orders are accepted and read from Postgres, streams continue from Postgres, and request limits fall back to a bucket
per process. What only Redis knows is answered with a 503: the queue's state, pause and resume, open sockets.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from app.redis_client import REDIS_UNAVAILABLE

Answer = TypeVar("Answer")


class RedisUnavailable(Exception):
    """Redis did not answer in time, or the circuit breaker is open."""


class CircuitBreaker:
    """After a failure every call fails at once for `cooldown` seconds. Then calls are let through again."""

    def __init__(self, *, timeout: float = 0.2, cooldown: float = 1.0) -> None:
        self._timeout = timeout
        self._cooldown = cooldown
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self._open_until

    async def call(self, work: Awaitable[Answer]) -> Answer:
        if self.is_open:
            if asyncio.iscoroutine(work):
                work.close()
            raise RedisUnavailable
        try:
            async with asyncio.timeout(self._timeout):
                return await work
        except REDIS_UNAVAILABLE as error:
            self._open_until = time.monotonic() + self._cooldown
            raise RedisUnavailable from error
