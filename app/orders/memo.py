"""The memo of a swap: it says on chain which order it fills, for an engine whose database has lost that order.

The first word is the order's id. The second one, if the client sent an idempotency key, is a tag made of its owner and
that key: a client that repeats the key gets the old swap. All orders of a group have the tag of the group's key, slices
that of their parent's key, and the retry of a dead letter that of the order that failed: all of them are one request.
It is keyed with ENGINE_SECRET, so it tells others nothing.
"""

import hashlib
from uuid import UUID

from app.orders.events.signature import shared_secret
from app.orders.model import Order, retry_key
from app.settings import Settings

TAG_BYTES = 16


def is_id(text: str) -> bool:
    """Whether this first word of a memo may be an order's. Anybody can write one."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


class Memos:
    def __init__(self, secret: str) -> None:
        # The label keeps a tag from passing as anything else that is made with this secret.
        key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"engine memo 1").digest()
        self._keyed = hashlib.blake2b(key=key, digest_size=TAG_BYTES)

    @classmethod
    def of(cls, settings: Settings) -> "Memos":
        return cls(shared_secret(settings))

    def tag(self, owner: str, idempotency_key: str | None) -> str | None:
        """It takes about a microsecond. None: the order has no key."""
        return None if idempotency_key is None else self._tag(owner, idempotency_key)

    def _tag(self, owner: str, idempotency_key: str) -> str:
        digest = self._keyed.copy()
        digest.update(f"{len(owner)} {owner}{idempotency_key}".encode())
        return digest.hexdigest()

    def tag_of(self, order: Order) -> str | None:
        return order.tag or self.tag(order.owner, order.idempotency_key)

    def tag_of_retry(self, failed: Order) -> str:
        """However often it is retried: the tag of the first one."""
        return self.tag_of(failed) or self._tag(failed.owner, retry_key(failed.id))

    def tags_that_fill(self, order: Order) -> set[str]:
        """Of swaps that fill this order: its own, and those of its retry, if the database has forgotten that it failed.
        Retries of older versions have the tag of their own key.
        """
        return {self.tag_of_retry(order), self._tag(order.owner, retry_key(order.id))}

    def memo(self, order: Order) -> str:
        tag = self.tag_of(order)
        return str(order.id) if tag is None else f"{order.id} {tag}"
