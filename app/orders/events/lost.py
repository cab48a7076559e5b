"""Streams that have delivered events which Postgres does not have: the database is another one, or was restored.

Their clients must hear the truth, so they are closed; what Redis keeps of the orders is deleted; and the engine
reconciles. While it does, and for as long as Redis keeps what is of before, nothing of that is replayed. The times of
events do not tell which are of before: the clock of a standby that was promoted may be another one.

An order that has ended for a stream is not compared any more. So when the engine reconciles, for whatever reason, the
streams that have delivered the end of any order are closed too.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from redis.asyncio import Redis

from app.orders.events.publisher import BACKLOG
from app.orders.events.subscriber import EventsLost, Subscriber
from app.orders.store.reads import OrderReader
from app.redis_client import CircuitBreaker, RedisUnavailable

MAX_LOGGED = 20

log = logging.getLogger("engine.feed")


class LostEvents:
    def __init__(
        self,
        redis: Redis,
        reader: OrderReader,
        breaker: CircuitBreaker,
        *,
        reconciling: Callable[[], bool],
        reconciled_at: Callable[[], datetime | None],
        reconciled_for: Callable[[], float],
        keep_seconds: float,
        begin: Callable[[], Awaitable[object]],
    ) -> None:
        self._reconciling = reconciling
        self._reconciled_for = reconciled_for  # for how many seconds it has been over, or has lasted
        self._keep_seconds = keep_seconds  # for how long Redis keeps events
        self.reconciled_at = reconciled_at  # when that began or ended last; None: never
        self._redis = redis
        self._reader = reader
        self._breaker = breaker
        self._begin = begin
        self._seen_at: tuple[datetime | None] | None = None  # `reconciled_at` at the last call; None: there was none

    def may_replay(self) -> bool:
        """Whether what Redis keeps may be replayed: nothing of it can be of a database that was lost."""
        return not self._reconciling() and self._reconciled_for() > self._keep_seconds

    def close_ended(self, subscribers: Iterable[Subscriber]) -> None:
        """To be called every second. After reconciling has begun or ended, close those that have heard of an order's
        end: it may be what is lost, and they would be told nothing more of that order.
        """
        before, self._seen_at = self._seen_at, (self.reconciled_at(),)
        if before in (None, self._seen_at):
            return
        for subscriber in subscribers:
            if subscriber.has_ended:
                subscriber.close(EventsLost)

    async def close(self, following: Mapping[UUID, Collection[Subscriber]]) -> None:
        """Close those of these streams that have more of the order than there is.

        What they had before the order is read is compared: more may be delivered while that takes.
        """
        delivered = [
            (order, one, one.delivered([str(order)])[str(order)])
            for order, subscribers in following.items()
            for one in subscribers
            if one.has_read(str(order))
        ]
        heads = await self._reader.heads(list(following))
        beyond = [(str(order), one) for order, one, seq in delivered if seq > heads.get(order, 0)]
        if not beyond:
            return
        orders = sorted({order for order, _ in beyond})
        log.error("events were delivered that the database does not have", extra={"orders": orders[:MAX_LOGGED]})
        await self._begin()
        with contextlib.suppress(RedisUnavailable):
            await self._breaker.call(self._redis.delete(*(BACKLOG + order for order in orders)))
        for _, subscriber in beyond:
            subscriber.close(EventsLost)
