"""Redis: its clients, how long each waits for it, and what happens when it is down.

The worker's client retries without limit. The API's and the publisher's fail at once, behind a circuit breaker:
Postgres holds every order, so a Redis that is down costs delay, never an order. Orders are accepted and read from
Postgres, streams continue from Postgres, and request limits fall back to a bucket per process. What only Redis knows is
answered with a 503: the queue's state and the open sockets.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlencode, urlsplit
from weakref import WeakSet

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from app.keepalive import KEEPALIVE
from app.redis_scripts import PipelinedPool
from app.tasks import within_turns

Answer = TypeVar("Answer")

REDIS_UNAVAILABLE: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)


KEEP_ALIVE: dict[str, Any] = {"socket_keepalive": True, "socket_keepalive_options": KEEPALIVE}
SENTINEL_SECONDS = 0.5  # for one Sentinel to answer; then the next one is asked


def reconnecting_pool(url: str) -> PipelinedPool:
    """For the worker: retries without limit, because without Redis it has no work. Blocking calls stay below 5 s."""
    return redis_pool(
        url,
        socket_connect_timeout=1,
        socket_timeout=5,
        **KEEP_ALIVE,
        health_check_interval=15,
        retry=Retry(ExponentialWithJitterBackoff(cap=1, base=0.02), -1),
        # redis-py 5 does not retry a refused connection by default.
        retry_on_error=[RedisConnectionError, RedisTimeout, OSError],
    )


def fail_fast_redis(url: str) -> Redis:
    """For the API and the publisher: fails at once. Events that were not published are in Postgres."""
    return Redis.from_pool(redis_pool(url, socket_connect_timeout=1, socket_timeout=1, retry=None, **KEEP_ALIVE))


class _AsksAgain(SentinelManagedConnection):
    """redis-py would try an address again and again, for as long as the pool says, and not ask the Sentinels again."""

    async def connect(self) -> None:
        retry, self.retry = self.retry, Retry(NoBackoff(), 0)
        try:
            await cast("Any", super()).connect()
        finally:
            self.retry = retry


class _AsksAgainWithTLS(_AsksAgain, SentinelManagedSSLConnection):
    pass


class SentinelPool(PipelinedPool, SentinelConnectionPool):
    """Connections to the primary that the Sentinels name. Once they name another one, those to the old one are closed:
    after a loss of the machine they would be silent, and not lost.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._made: WeakSet[AbstractConnection] = WeakSet()
        super().__init__(*arguments, **options)

    def make_connection(self) -> AbstractConnection:
        connection: AbstractConnection = cast("Any", super()).make_connection()
        self._made.add(connection)
        return connection

    async def get_master_address(self) -> Any:
        before = self.master_address
        address = await cast("Any", super()).get_master_address()
        if before not in (None, address):
            for connection in list[Any](self._made):
                if (connection.host, connection.port) != address and connection._writer is not None:
                    connection._writer.transport.abort()
        return address

    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def redis_pool(url: str, **options: Any) -> PipelinedPool:
    """For an address like redis://, or like redis+sentinel:// (`Settings.redis_dsn`)."""
    address = urlsplit(url)
    scheme, sentinel, _ = address.scheme.partition("+sentinel")
    if scheme == "unix":
        options = {name: one for name, one in options.items() if name not in KEEP_ALIVE}  # a socket of TCP has these
    if not sentinel:
        return PipelinedPool.from_url(url, **options)
    query = parse_qs(address.query)
    (master,), (password,) = query.pop("master"), query.pop("sentinel_password", [""])
    login, at, hosts = address.netloc.rpartition("@")
    plain = address._replace(scheme=scheme, netloc=f"{login}{at}redis", query=urlencode(query, doseq=True))
    found: dict[str, Any] = {**parse_url(plain.geturl())}
    tls = {name: value for name, value in found.items() if name.startswith("ssl_")} | {"ssl": scheme == "rediss"}
    del found["host"]
    found["connection_class"] = _AsksAgainWithTLS if scheme == "rediss" else _AsksAgain
    asking = {"socket_connect_timeout": SENTINEL_SECONDS, "socket_timeout": SENTINEL_SECONDS}
    sentinels = [(name, int(port or 26379)) for name, _, port in (host.partition(":") for host in hosts.split(","))]
    manager = cast("Any", Sentinel)(sentinels, sentinel_kwargs={**asking, **tls, "password": password or None})
    return SentinelPool(master, manager, **{**options, **found})


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
            return await within_turns(self._timeout, work)
        except REDIS_UNAVAILABLE as error:
            self._open_until = time.monotonic() + self._cooldown
            raise RedisUnavailable from error
