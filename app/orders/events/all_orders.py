"""Streams that follow every order of an owner: which they are, and up to when they have heard of new orders."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.orders.events.subscriber import Subscriber


class AllOrders:
    def __init__(self) -> None:
        self._of_owner: dict[str, set[Subscriber]] = {}
        self._known_until: dict[str, datetime] = {}  # owner → the creation time up to which its orders are known
        self._told: dict[str, set[UUID]] = {}  # owner → the last new orders, which each of its streams has heard of

    def __len__(self) -> int:
        return len(self._of_owner)

    def known(self, now: datetime) -> list[tuple[str, datetime]]:
        """Of each owner until when the orders are known: not after now, as the clock may have been set back."""
        self._known_until = {owner: min(until, now) for owner, until in self._known_until.items()}
        return [*self._known_until.items()]

    def of(self, owner: str) -> list[Subscriber]:
        return [*self._of_owner.get(owner, ())]

    def has(self, subscriber: Subscriber, owner: str) -> bool:
        return subscriber in self._of_owner.get(owner, ())

    def add(self, subscriber: Subscriber, owner: str, now: datetime) -> None:
        self._of_owner.setdefault(owner, set()).add(subscriber)
        self._known_until.setdefault(owner, now)
        self._told.pop(owner, None)

    def forget(self, subscriber: Subscriber) -> None:
        for owner, streams in list(self._of_owner.items()):
            streams.discard(subscriber)
            if not streams:
                del self._of_owner[owner]
                self._known_until.pop(owner, None)
                self._told.pop(owner, None)

    def known_until(self, owner: str) -> datetime | None:
        """None: it has no such stream."""
        return self._known_until.get(owner)

    def not_told(self, owner: str, placed: Sequence[tuple[UUID, datetime, int]]) -> list[tuple[str, int]]:
        """Of the orders placed since then those to tell its streams of, and how long their logs are."""
        if owner not in self._of_owner:
            return []
        told, self._told[owner] = self._told.get(owner, set()), {order for order, *_ in placed}
        if placed:
            self._known_until[owner] = max(self._known_until[owner], placed[-1][1])
        return [(str(order), seq) for order, _, seq in placed if order not in told]
