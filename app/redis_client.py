"""Redis: its clients, how long each waits for it, and what happens when it is down.

The worker's client retries without limit. The API's and the publisher's fail at once, behind a circuit breaker:
Postgres holds every order, so a Redis that is down costs delay, never an order. Orders are accepted and read from
Postgres, streams continue from Postgres, and request limits fall back to a bucket per process. What only Redis knows is
answered with a 503: the queue's state and the open sockets.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from app.redis_scripts import PipelinedPool

Answer = TypeVar("Answer")

REDIS_UNAVAILABLE: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)


def reconnecting_pool(url: str) -> PipelinedPool:
    """For the worker: retries without limit, because without Redis it has no work. Blocking calls stay below 5 s."""
    return PipelinedPool.from_url(
        url,
        socket_connect_timeout=1,
        socket_timeout=5,
        socket_keepalive=True,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.02), -1),
        # redis-py 5 does not retry a refused connection by default.
        retry_on_error=[RedisConnectionError, RedisTimeout, OSError],
    )


def fail_fast_redis(url: str) -> Redis:
    """For the API and the publisher: fails at once. Events that were not published are in Postgres."""
    return Redis.from_pool(
        PipelinedPool.from_url(url, socket_connect_timeout=1, socket_timeout=1, socket_keepalive=True, retry=None)
    )


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
