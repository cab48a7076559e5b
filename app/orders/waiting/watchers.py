"""Which watchers are alive: each sends a heartbeat to Redis, as workers do. Nothing but health depends on it."""

import secrets
from dataclasses import dataclass

from redis.asyncio import Redis

from app.orders.queue.order_queue import HEARTBEAT, HEARTBEAT_MS

ALIVE = "engine:alive-watchers"  # by when their heartbeat expires
KEYS = (ALIVE, f"{ALIVE}:failing")  # where a worker says how many orders it runs, a watcher says what fails
CLOCK_SKEW_MS = 1_000


@dataclass(frozen=True, slots=True)
class Alive:
    watchers: int
    failing_tasks: int  # background tasks of these


class Watchers:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._token = secrets.token_hex(8)

    async def heartbeat(self, *, failing: int = 0, stopped: bool = False) -> None:
        """This watcher lives, or has stopped; so many of its background tasks fail."""
        await HEARTBEAT.call(self._redis, KEYS, [self._token, failing, 0 if stopped else HEARTBEAT_MS, HEARTBEAT_MS])

    async def alive(self) -> Alive:
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.zrange(ALIVE, 0, -1, withscores=True)
        pipe.hgetall(KEYS[1])
        (seconds, microseconds), found, failing = await pipe.execute()
        now = seconds * 1000 + microseconds / 1000
        alive = [token for token, expires in found if now < expires <= now + HEARTBEAT_MS + CLOCK_SKEW_MS]
        return Alive(len(alive), sum(int(failing.get(token, 0)) for token in alive))
