"""Reading logs for subscribers, in pages.

The replay of an order's log starts in what Redis keeps of it, if that has no gap; otherwise in Postgres.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from weakref import WeakValueDictionary

import orjson
from redis.asyncio import Redis

from app.batching import Batcher
from app.orders.events.publisher import BACKLOG, EventMessage, unpack
from app.orders.events.signature import EventSignatures
from app.orders.events.subscriber import Subscriber
from app.orders.model import OrderEvent
from app.orders.store.reads import LogHead, OrderReader
from app.redis_scripts import pipelined_connection

MAX_ORDERS = 50  # in one query
# Events that are read at once for one subscriber: they are kept until they were sent, and a client may read slowly.
PAGE = 100
READS = 2  # for the subscribers of one owner at once, so that those of others come in between


@dataclass(frozen=True, slots=True)
class Replay:
    log: list[EventMessage]  # the first page of what happened before; the rest and live events follow
    ended: bool  # the order has ended, and this is the rest of its log
    last: int  # the number of the last event of what happened before


async def kept_by_redis(redis: Redis, order: str) -> list[bytes]:
    """Events of this order, packed, in no order."""
    kept = await pipelined_connection(redis).call("HGETALL", BACKLOG + order)
    return list(kept.values()) if isinstance(kept, dict) else kept[1::2]  # RESP 3, or 2


def backlog(
    kept: list[bytes], signatures: EventSignatures, order: str, owner: str | None, after: int, *, since: datetime | None
) -> list[EventMessage] | None:
    """The events after number `after` of those that Redis keeps. None unless they have no gap, are no more than a page
    and belong to this owner.

    None also if any is older than `since`: the database may have forgotten it.

    The last of them may be missing: Redis is never trusted for the end of a log.
    """
    if len(kept) > PAGE:  # nobody else is served while they are unpacked
        return None
    events = {event.seq: event for data in kept for event in unpack(data, signatures)}
    if any(event.order != order or owner not in (None, event.owner) for event in events.values()):
        return None
    if since and any(_at(event) <= since for event in events.values()):
        return None
    last = max(events, default=0)
    if last < after or any(seq not in events for seq in range(after + 1, last + 1)):
        return None
    # No event after `after` may mean that the order has ended with it: only Postgres can tell.
    return [events[seq] for seq in range(after + 1, last + 1)] or None


def _at(event: EventMessage) -> datetime:
    return datetime.fromisoformat(orjson.loads(event.body)["at"])


class SharedReads:
    """Reads for replays. Sockets that reconnect at once share two queries, instead of waiting for a connection each."""

    def __init__(self, reader: OrderReader) -> None:
        self._reader = reader
        self.head: Batcher[tuple[UUID, str | None], LogHead | None] = Batcher(
            self._heads, max_batch=MAX_ORDERS, key=lambda asked: asked[0]
        )
        self.log: Batcher[tuple[UUID, int], list[OrderEvent]] = Batcher(
            self._logs, max_batch=MAX_ORDERS, key=lambda asked: asked[0]
        )

    async def _heads(self, asked: list[tuple[UUID, str | None]]) -> list[LogHead | None]:
        found: dict[UUID, LogHead] = {}
        for owner in {owner for _, owner in asked}:
            found |= await self._reader.owned([order for order, of in asked if of == owner], owner)
        return [found.get(order) for order, _ in asked]

    async def _logs(self, asked: list[tuple[UUID, int]]) -> list[list[OrderEvent]]:
        logs: dict[UUID, list[OrderEvent]] = {order: [] for order, _ in asked}
        for event in await self._reader.logs({order: (after, after + PAGE) for order, after in asked}):
            logs[event.order_id].append(event)
        return list(logs.values())


class Pages:
    """Reads for subscribers that know what they need of which log."""

    def __init__(self, reader: OrderReader) -> None:
        self._reader = reader
        self._turns: WeakValueDictionary[str | None, asyncio.Semaphore] = WeakValueDictionary()

    async def next(self, subscriber: Subscriber) -> list[EventMessage]:
        async with self._turns.setdefault(subscriber.owner, asyncio.Semaphore(READS)):
            needed = subscriber.needed()
            parts = subscriber.page(needed, PAGE)
            events = await self._reader.logs({UUID(order): part for order, part in parts.items()})
        last = {str(event.order_id): event.seq for event in events}
        # What is missing in a log is not waited for.
        asked = {order: until if last.get(order) == until else needed[order] for order, (_, until) in parts.items()}
        return subscriber.apply_log(asked, [EventMessage.of("", event) for event in events])
