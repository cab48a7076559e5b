"""The memo of a swap: it says on chain which order it fills, for an engine whose database has lost that order.

The first word is the order's id. The second one, if the client sent an idempotency key, is a tag made of its owner and
that key: a client that repeats the key gets the old swap. All orders of a group have the tag of the group's key. It is
keyed with ENGINE_SECRET, so it tells others nothing.
"""

import hashlib

from app.orders.events.signature import shared_secret
from app.orders.model import Order
from app.settings import Settings

TAG_BYTES = 16


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
        if idempotency_key is None:
            return None
        digest = self._keyed.copy()
        digest.update(f"{len(owner)} {owner}{idempotency_key}".encode())
        return digest.hexdigest()

    def tag_of(self, order: Order) -> str | None:
        return order.tag or self.tag(order.owner, order.idempotency_key)

    def memo(self, order: Order) -> str:
        tag = self.tag_of(order)
        return str(order.id) if tag is None else f"{order.id} {tag}"
