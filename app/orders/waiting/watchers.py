"""Which watchers are alive: each sends a heartbeat to Redis, as workers do. Nothing but health depends on it."""

import secrets

from redis.asyncio import Redis

from app.orders.queue.order_queue import HEARTBEAT, HEARTBEAT_MS

ALIVE = "engine:alive-watchers"  # by when their heartbeat expires
KEYS = (ALIVE, f"{ALIVE}:orders")  # the script of workers also keeps how many orders each runs
CLOCK_SKEW_MS = 1_000


class Watchers:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._token = secrets.token_hex(8)

    async def heartbeat(self, *, stopped: bool = False) -> None:
        """This watcher lives, or has stopped."""
        await HEARTBEAT.call(self._redis, KEYS, [self._token, 0, 0 if stopped else HEARTBEAT_MS, HEARTBEAT_MS])

    async def alive(self) -> int:
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(ALIVE, 0, -1, withscores=True)
        (seconds, microseconds), found = await pipe.execute()
        now = seconds * 1000 + microseconds / 1000
        return sum(now < expires <= now + HEARTBEAT_MS + CLOCK_SKEW_MS for _, expires in found)
