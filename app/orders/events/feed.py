"""Every subscriber hears every event of the orders it follows: once each, in order, without a gap.

One subscription per process, fanned out. What the bell did not bring, the book does: on a gap, on an overflow,
after a reconnect, and once a second for all that is watched, in one query, because the loss of a last message
leaves no gap to see.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from redis.asyncio import Redis

from app.orders.events.publisher import CHANNEL, EventMessage, backlog, unpack
from app.orders.events.subscriber import Subscriber
from app.orders.lifecycle import TERMINAL
from app.orders.store.reads import OrderReader
from app.postgres import DatabaseUnavailable
from app.redis_client import REDIS_UNAVAILABLE, CircuitBreaker, RedisUnavailable
from app.tasks import cancel_and_wait, run_forever

HEAL_SECONDS = 1.0
LISTEN_SECONDS = 10.0
LOOKED_AT_ONCE = 250  # orders in one question; what happens meanwhile waits for its answer to be read
MAX_NEW = 1_000  # new orders of one owner looked up at once

log = logging.getLogger("engine.feed")


@dataclass(frozen=True, slots=True)
class Replay:
    """The log of an order so far, and whether that is all there will ever be."""

    log: list[EventMessage]
    ended: bool


class Feed:
    """The listeners of this process, and the one subscription that feeds them."""

    def __init__(self, redis: Redis, reader: OrderReader, breaker: CircuitBreaker) -> None:
        self._redis = redis
        self._reader = reader
        self._breaker = breaker
        self._of_order: dict[str, set[Subscriber]] = {}
        self._of_owner: dict[str, set[Subscriber]] = {}
        self._heard_at: dict[str, float] = {}  # order → when the bell last rang for it
        self._since: dict[str, datetime] = {}  # owner → up to when its new orders are known
        self._tasks: list[asyncio.Task[None]] = []
        self._heal_now = asyncio.Event()
        self.connected = False

    def start(self) -> None:
        self._tasks = [
            run_forever("feed", self._listen),
            run_forever("feed-heal", self._heal),
        ]

    async def stop(self) -> None:
        await cancel_and_wait(*self._tasks)

    @contextlib.contextmanager
    def subscriber(self, *, owner: str | None, most: int = 256) -> Iterator[Subscriber]:
        subscriber = Subscriber(owner=owner, most=most)
        try:
            yield subscriber
        finally:
            self.forget(subscriber)

    def watch(self, subscriber: Subscriber, order: str) -> None:
        """From now on this subscriber hears of this order."""
        self._of_order.setdefault(order, set()).add(subscriber)

    async def follow_owner(self, subscriber: Subscriber, owner: str) -> None:
        """From now on this subscriber hears of every order that this owner places."""
        if owner not in self._since:
            since = await self._reader.now()
            self._since.setdefault(owner, since)
        self._of_owner.setdefault(owner, set()).add(subscriber)

    def unwatch(self, subscriber: Subscriber, order: str) -> None:
        if listeners := self._of_order.get(order):
            listeners.discard(subscriber)
            if not listeners:
                del self._of_order[order]
                self._heard_at.pop(order, None)

    def forget(self, subscriber: Subscriber) -> None:
        for order in list(subscriber.heard):
            self.unwatch(subscriber, order)
        for owner, listeners in list(self._of_owner.items()):
            listeners.discard(subscriber)
            if not listeners:
                del self._of_owner[owner]
                self._since.pop(owner, None)

    async def replay(self, subscriber: Subscriber, order: UUID, after: int) -> Replay | None:
        """Follow an order from `after` on: its log so far, or None if this owner has no such order.

        Registers before it reads, so nothing falls between.
        """
        name = str(order)
        subscriber.follow(name, after)
        self.watch(subscriber, name)
        asked = {name: after + 1}
        with contextlib.suppress(RedisUnavailable):
            kept = await self._breaker.call(backlog(self._redis, name, subscriber.owner, after))
            if kept is not None:
                return Replay(subscriber.read(asked, kept), kept[-1].terminal)
        found = (await self._reader.owned([order], subscriber.owner)).get(order)
        if found is None:
            self.unwatch(subscriber, name)
            subscriber.ended(name)
            return None
        subscriber.heard[name] = min(after, found.seq)
        told = subscriber.read(asked, await self._from_book({name: subscriber.heard[name]}))
        # The end may have come between the two questions: then the log knows it, and the status did not.
        return Replay(told, found.status in TERMINAL or (bool(told) and told[-1].terminal))

    async def replay_many(self, subscriber: Subscriber, after: Mapping[UUID, int]) -> list[EventMessage]:
        """Follow those of these orders that the subscriber's owner has; `subscriber.heard` then names them."""
        found = await self._reader.owned(list(after), subscriber.owner)
        asked = {}
        for order, head in found.items():
            subscriber.follow(str(order), min(after[order], head.seq))
            self.watch(subscriber, str(order))
            asked[str(order)] = subscriber.behind[str(order)]
        return subscriber.read(asked, await self._from_book({order: subscriber.heard[order] for order in asked}))

    async def next_events(self, subscriber: Subscriber) -> list[EventMessage]:
        """What happened to the orders followed since the last call. May be cancelled at any time."""
        while True:
            await subscriber.wait()
            if items := subscriber.take():
                return items
            asked = dict(subscriber.behind)
            try:
                items = subscriber.read(asked, await self._from_book({order: subscriber.heard[order] for order in asked}))
            except DatabaseUnavailable:
                await asyncio.sleep(HEAL_SECONDS)
            if items:
                return items

    def unfollow(self, subscriber: Subscriber, order: str) -> None:
        """This subscriber has been told the whole story of this order."""
        self.unwatch(subscriber, order)
        subscriber.ended(order)

    async def _from_book(self, after: dict[str, int]) -> list[EventMessage]:
        events = await self._reader.logs({UUID(order): seq for order, seq in after.items()})
        return [EventMessage.of("", event) for event in events]

    def _hand_out(self, item: EventMessage) -> None:
        if listeners := self._of_order.get(item.order):
            self._heard_at[item.order] = time.monotonic()
            for subscriber in listeners:
                subscriber.hear(item)
        if owners := self._of_owner.get(item.owner):
            for subscriber in owners:
                if item.order not in subscriber.heard:
                    self.watch(subscriber, item.order)
                    subscriber.hear(item)

    async def _listen(self) -> None:
        while True:
            pubsub = self._redis.pubsub()
            try:
                await pubsub.subscribe(CHANNEL)
                while True:
                    message = await pubsub.get_message(timeout=LISTEN_SECONDS)
                    if message is None:  # a quiet time, not a lost connection
                        continue
                    if message["type"] == "message":
                        for item in unpack(message["data"]):
                            self._hand_out(item)
                    elif message["type"] == "subscribe":  # the first, and each one that redis-py repeats silently
                        self.connected = True
                        self._heard_at.clear()
                        self._heal_now.set()
            except REDIS_UNAVAILABLE as error:
                log.warning("the bell is silent, streams go on from the book", extra={"error": str(error)})
            except Exception:  # something that is no announcement of ours: the book heals what it cost
                log.exception("the bell rang false")
            finally:
                self.connected = False
                with contextlib.suppress(*REDIS_UNAVAILABLE):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(0.2)

    async def _heal(self) -> None:
        """Once a second, one look into the book for all that is watched and was not heard of in that second."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEAL_SECONDS):
                    await self._heal_now.wait()
            self._heal_now.clear()
            try:
                await self._heal_orders()
                await self._heal_owners()
            except DatabaseUnavailable:
                log.warning("streams wait for the book")
            except Exception:  # whatever it was, the next second's look must not be its victim
                log.exception("looking after the streams failed")

    async def _heal_orders(self) -> None:
        now = time.monotonic()
        quiet = [order for order in self._of_order if now - self._heard_at.get(order, 0.0) >= HEAL_SECONDS]
        for start in range(0, len(quiet), LOOKED_AT_ONCE):
            page = {UUID(order): order for order in quiet[start : start + LOOKED_AT_ONCE]}
            for order, head in (await self._reader.heads(list(page))).items():
                for subscriber in self._of_order.get(page[order], ()):
                    subscriber.exists(page[order], head)

    async def _placed_since(self, owner: str, since: datetime) -> list[tuple[UUID, datetime]]:
        """All of an owner's orders since then, page by page."""
        placed: list[tuple[UUID, datetime]] = []
        while True:
            page = await self._reader.created_since(owner, since, MAX_NEW)
            placed += page
            if len(page) < MAX_NEW or page[-1][1] == since:
                return placed
            since = page[-1][1]

    async def _heal_owners(self) -> None:
        for owner in list(self._of_owner):
            if (since := self._since.get(owner)) is None:  # its last subscriber has left meanwhile
                continue
            placed = await self._placed_since(owner, since - timedelta(seconds=2))
            if placed and owner in self._since:
                self._since[owner] = max(since, placed[-1][1])
            for order, _ in placed:
                for subscriber in self._of_owner.get(owner, ()):
                    if str(order) not in subscriber.heard:
                        self.watch(subscriber, str(order))
                        subscriber.exists(str(order), 1)
