"""Where the replay of an order's log starts: in what Redis keeps of it, if that has no gap; otherwise in Postgres."""

from dataclasses import dataclass

from redis.asyncio import Redis

from app.orders.events.publisher import BACKLOG, EventMessage, unpack
from app.orders.events.signature import EventSignatures
from app.redis_scripts import pipelined_connection


@dataclass(frozen=True, slots=True)
class Replay:
    log: list[EventMessage]  # what happened before; live events follow
    ended: bool  # the order has ended, and this is the rest of its log


async def redis_backlog(
    redis: Redis, signatures: EventSignatures, order: str, owner: str | None, after: int
) -> list[EventMessage] | None:
    """The events after number `after` that Redis keeps. None unless they have no gap and belong to this owner.

    The last of them may be missing: Redis is never trusted for the end of a log.
    """
    kept = await pipelined_connection(redis).call("HGETALL", BACKLOG + order)
    values = kept.values() if isinstance(kept, dict) else kept[1::2]  # RESP 3, or 2
    events = {event.seq: event for data in values for event in unpack(data, signatures)}
    if any(event.order != order or owner not in (None, event.owner) for event in events.values()):
        return None
    last = max(events, default=0)
    if last < after or any(seq not in events for seq in range(after + 1, last + 1)):
        return None
    # No event after `after` may mean that the order has ended with it: only Postgres can tell.
    return [events[seq] for seq in range(after + 1, last + 1)] or None
