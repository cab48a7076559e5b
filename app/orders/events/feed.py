"""Delivers every event of an order to every subscriber that follows it.

One subscription to the event channel per process, fanned out to its sockets. Invariants:

- Each subscriber gets an order's events in order, each once, without a gap (`LogCursor` decides).
- Registered before read: a subscriber is registered for an order before its log is read, so no event falls in between.
- The channel is only a signal. An event that is missing, late, dropped by a full buffer, or without a valid signature
  is read from Postgres.
- The loss of an order's last message leaves no gap to see. So once a second one query asks for the log length of every
  order that is followed and was silent during that second, and one per owner for orders that are new.
- A new subscription counts as a loss of everything that came before.
- If more was delivered of an order than Postgres has, the stream is closed: see `LostEvents`.
- However many streams of one owner an event wakes, others are served in between: see `Turns`.

A subscriber costs no task here: its socket's task waits in `next_events`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from uuid import UUID

from redis.asyncio import Redis

from app.orders.events.all_orders import AllOrders
from app.orders.events.channel import subscribe
from app.orders.events.fan_out import FanOut, pause
from app.orders.events.following import Following
from app.orders.events.lost import LostEvents
from app.orders.events.publisher import EventMessage, channel_of, unpack
from app.orders.events.replay import PAGE, Pages, Replay, SharedReads, backlog, kept_by_redis
from app.orders.events.signature import EventSignatures
from app.orders.events.subscriber import FollowsTooMuch, Subscriber
from app.orders.events.turns import Turns
from app.orders.lifecycle import TERMINAL
from app.orders.store.reads import LogHead, OrderReader
from app.postgres.errors import DatabaseUnavailable
from app.redis_client import REDIS_UNAVAILABLE, CircuitBreaker, RedisUnavailable
from app.tasks import cancel_and_wait, run_forever

HEAL_SECONDS = 1.0
RECONNECT_SECONDS = 0.2
HEAL_BATCH = 100  # orders in one query; events wait while its answer is processed
After = Mapping[UUID, int]  # order → the last event that the client has
COMMIT_SKEW = timedelta(seconds=2)  # orders are not committed exactly in the order of their creation times

log = logging.getLogger("engine.feed")


class Feed:
    """The subscribers of this process, and the one channel subscription that feeds them."""

    def __init__(
        self, redis: Redis, signatures: EventSignatures, reader: OrderReader, breaker: CircuitBreaker, lost: LostEvents
    ) -> None:
        self._redis, self._channel = redis, channel_of(redis)
        self._signatures, self._reader, self._breaker, self._lost = signatures, reader, breaker, lost
        self._shared, self._pages = SharedReads(reader), Pages(reader)
        self.turns = Turns()
        self._subscribers: set[Subscriber] = set()
        self._following = Following()
        self._all_orders = AllOrders()
        self._fan_out = FanOut(self._streams_for, self._hand)
        self._tasks: list[asyncio.Task[None]] = []
        self._heal_now = asyncio.Event()
        self.connected = False

    def start(self) -> None:
        works = {"feed": self._receive, "feed-fan-out": self._fan_out.run, "feed-heal": self._heal}
        self._tasks = [run_forever(name, work) for name, work in works.items()]

    async def stop(self) -> None:
        await cancel_and_wait(*self._tasks)

    @contextlib.contextmanager
    def subscriber(self, *, owner: str | None, max_buffered: int = 256) -> Iterator[Subscriber]:
        """A subscriber that follows nothing yet; forgotten at the end of the block."""
        subscriber = Subscriber(owner=owner, max_buffered=max_buffered)
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._forget(subscriber)

    async def replay(self, subscriber: Subscriber, order: UUID, after: int) -> Replay | None:
        """Follow an order; its log after event number `after`, or None if the subscriber's owner has no such order."""
        name, owner = str(order), subscriber.owner
        subscriber.follow(name, after)
        self._must_register(subscriber, name)
        if self._lost.may_replay():
            with contextlib.suppress(RedisUnavailable):
                await self.turns.next(owner)
                kept = await self._breaker.call(kept_by_redis(self._redis, name))
                await self.turns.next(owner)
                since = self._lost.reconciled_at()
                if (found := backlog(kept, self._signatures, name, owner, after, since=since)) is not None:
                    subscriber.exists(name, found[-1].seq)
                    return Replay(subscriber.apply_log({name: found[-1].seq}, found), found[-1].terminal, found[-1].seq)
        head = await self._shared.head((order, owner))
        if head is None:
            self.unfollow(subscriber, name)
            return None
        start = min(after, head.seq)
        subscriber.start_at(name, start, head.seq, ended=head.status in TERMINAL)
        read = await self._shared.log((order, start))
        await self.turns.next(owner)
        cut = bool(read) and read[-1].seq == start + PAGE < head.seq
        asked = {name: start + PAGE if cut else max(after + 1, head.seq)}
        events = subscriber.apply_log(asked, [EventMessage.of("", event) for event in read])
        # It may have ended between the two queries: then its log shows the end, and the status read before does not.
        ended = head.status in TERMINAL or (bool(events) and events[-1].terminal)
        return Replay(events, ended and not cut, head.seq)

    async def follow_many(self, subscriber: Subscriber, after: After, may_read: Callable[[int], None]) -> list[str]:
        """Follow those of these orders that the subscriber's owner has, unless it does. `next_events` begins with their
        logs, and must not run meanwhile. `may_read`: raises if so many are too many. Returns those without one to come.
        """
        new = [order for order in after if not subscriber.follows(str(order))]
        for order in new:
            subscriber.follow(str(order), after[order])
            self._must_register(subscriber, str(order))
        heads = dict[UUID, LogHead]()
        try:
            found = await self._reader.owned(new, subscriber.owner)
            may_read(sum(max(0, head.seq - after[order]) for order, head in found.items()))
            heads = found
        finally:
            for name in map(str, {*new} - heads.keys()):
                self._following.remove(subscriber, name)
                subscriber.drop(name)
        for order, head in heads.items():
            subscriber.start_at(str(order), min(after[order], head.seq), head.seq, ended=head.status in TERMINAL)
        for name in (ended := [str(order) for order, head in heads.items() if head.is_end(after[order])]):
            self.unfollow(subscriber, name)
        return ended

    async def follow_owner(self, subscriber: Subscriber, owner: str) -> None:
        """Follow every order that this owner places from now on."""
        known_until = self._all_orders.known_until(owner) or await self._reader.now()
        self._all_orders.add(subscriber, owner, known_until)

    async def next_events(self, subscriber: Subscriber) -> list[EventMessage]:
        """What happened to the orders followed since the last call. May be cancelled at any time."""
        while True:
            await subscriber.wait()
            await self.turns.next(subscriber.owner)
            try:
                page = await self._pages.next(subscriber) if subscriber.is_turn_of_log else []
            except DatabaseUnavailable:
                page = await asyncio.sleep(HEAL_SECONDS, [])
            if messages := subscriber.take(page):
                return messages

    def unfollow(self, subscriber: Subscriber, order: str) -> None:
        """Nothing more comes for this order: the subscriber has its whole log, or may not have any of it."""
        self._following.remove(subscriber, order)
        subscriber.finish(order)

    def _must_register(self, subscriber: Subscriber, order: str) -> None:
        if not self._register(subscriber, order):
            raise FollowsTooMuch

    def _register(self, subscriber: Subscriber, order: str) -> bool:
        """False: the streams of its owner follow too many orders, and this one is closed."""
        if self._following.add(subscriber, order):
            return True
        subscriber.close(FollowsTooMuch)
        self._forget(subscriber)  # at once: so those after it have room
        return False

    def _forget(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)
        for order in subscriber.orders:
            self._following.remove(subscriber, order)
        self._all_orders.forget(subscriber)

    def _streams_for(self, message: EventMessage) -> Collection[Subscriber]:
        return {*self._following.received(message.order), *self._all_orders.of(message.owner)}

    def _hand(self, message: EventMessage, subscriber: Subscriber) -> None:
        if subscriber not in self._following.of(message.order):
            if subscriber.follows(message.order) or not self._all_orders.has(subscriber, message.owner):
                return  # it has its whole log, or has ended meanwhile
            if not self._register(subscriber, message.order):
                return
        subscriber.receive(message)

    async def _receive(self) -> None:
        reported = False  # that the channel is lost
        while True:
            try:
                await subscribe(self._redis, self._channel, subscribed=self._subscribed, received=self._received)
            except REDIS_UNAVAILABLE as error:
                if self.connected or not reported:
                    log.warning("event channel lost, streams continue from Postgres", extra={"error": str(error)})
                reported = True
            except Exception:  # a message that is not ours: what it cost is read from Postgres
                log.exception("invalid message on the event channel")
            finally:
                self.connected = False
            await asyncio.sleep(RECONNECT_SECONDS)

    def _subscribed(self) -> None:
        self.connected = True
        self._following.doubt()
        self._heal_now.set()

    def _received(self, message: bytes) -> None:
        for item in unpack(message, self._signatures):
            self._fan_out.receive(item)

    async def _heal(self) -> None:
        """Once a second, and at once after a reconnect."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEAL_SECONDS):
                    await self._heal_now.wait()
            self._heal_now.clear()
            try:
                self._lost.close_ended(self._subscribers)
                await self._heal_orders()
                await self._heal_owners()
            except DatabaseUnavailable:
                log.warning("streams wait for Postgres")
            except Exception:  # the next round must run whatever went wrong in this one
                log.exception("healing the streams failed")

    async def _heal_orders(self) -> None:
        silent = [order for order in self._following.silent(HEAL_SECONDS) if not self._fan_out.waits(order)]
        for start in range(0, len(silent), HEAL_BATCH):
            page = {UUID(order): order for order in silent[start : start + HEAL_BATCH]}
            heads, doubtful = await self._reader.heads(list(page)), set[UUID]()
            for order, name in page.items():
                if not self._following.exists(name, heads.get(order, 0)):
                    doubtful.add(order)
                await pause(self._following.of(name))
            if doubtful:
                await self._lost.close({order: [*self._following.of(str(order))] for order in doubtful})

    async def _heal_owners(self) -> None:
        for owner, since in self._all_orders.known(await self._reader.now()) if self._all_orders else ():
            found = await self._reader.placed_since(owner, since - COMMIT_SKEW)
            placed = [one for one in found if not self._fan_out.waits(str(one[0]))]
            for name, seq in self._all_orders.not_told(owner, placed):
                for subscriber in (streams := self._all_orders.of(owner)):
                    if not subscriber.follows(name) and self._register(subscriber, name):
                        subscriber.exists(name, seq)
                await pause(streams)
