"""Where the replay of an order's log starts: in what Redis keeps of it, if that has no gap; otherwise in Postgres."""

from dataclasses import dataclass

import orjson
from redis.asyncio import Redis

from app.orders.events.publisher import BACKLOG, EventMessage
from app.orders.lifecycle import TERMINAL


@dataclass(frozen=True, slots=True)
class Replay:
    log: list[EventMessage]  # what happened before; live events follow
    ended: bool  # the order has ended, and this is the rest of its log


async def redis_backlog(redis: Redis, order: str, owner: str | None, after: int) -> list[EventMessage] | None:
    """The events after number `after` that Redis keeps. None unless they have no gap and belong to this owner.

    The last of them may be missing: Redis is never trusted for the end of a log.
    """
    kept = await redis.hgetall(BACKLOG + order)  # type: ignore[misc]
    kept_owner = kept.pop(b"owner", None)
    if kept_owner is None or (owner is not None and kept_owner.decode() != owner):
        return None
    bodies = {int(seq): body for seq, body in kept.items()}
    last = max(bodies, default=0)
    if last < after or any(seq not in bodies for seq in range(after + 1, last + 1)):
        return None
    messages = [
        EventMessage(order, kept_owner.decode(), seq, orjson.loads(bodies[seq])["status"] in TERMINAL, bodies[seq])
        for seq in range(after + 1, last + 1)
    ]
    # No event after `after` may mean that the order has ended with it: only Postgres can tell.
    return messages or None
