"""The clients for Redis, and how long each waits for it.

The worker's client retries without limit. The API's and the publisher's fail at once: Postgres holds every order, so a
Redis that is down costs delay, never an order (see `circuit_breaker.py`).
"""

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

REDIS_UNAVAILABLE: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)


def reconnecting_pool(url: str) -> ConnectionPool:
    """For the worker: retries without limit, because without Redis it has no work. Blocking calls stay below 5 s."""
    return ConnectionPool.from_url(
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
    redis: Redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1, socket_keepalive=True, retry=None)
    return redis
