"""Secrets of webhooks, and the signatures of the Standard Webhooks specification (standardwebhooks.com).

A secret is made of ENGINE_SECRET, the webhook's id and a random salt, so the database holds the salt alone: a backup
tells nobody how to sign. With another ENGINE_SECRET the secret would be another one, which the digest shows.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from standardwebhooks import Webhook

from app.orders.events.signature import shared_secret
from app.settings import Settings

SALT_BYTES = 16


class Secrets:
    """Signing keys, each 32 bytes."""

    def __init__(self, secret: str) -> None:
        # The label keeps a key from being anything else that is made with this secret.
        self._key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"engine webhook 1").digest()

    @classmethod
    def of(cls, settings: Settings) -> "Secrets":
        return cls(shared_secret(settings))

    def key(self, webhook: UUID, salt: bytes) -> bytes:
        return hashlib.blake2b(webhook.bytes + salt, digest_size=32, key=self._key).digest()


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


def digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def as_text(key: bytes) -> str:
    """As its owner sees it, once."""
    return f"whsec_{base64.b64encode(key).decode()}"


def headers(keys: Iterable[bytes], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Signed with each key: while a secret is replaced, the receiver may have either."""
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(key, message, timestamp, body) for key in keys),
    }


def signature(key: bytes, message: str, timestamp: int, body: bytes) -> str:
    return Webhook(key).sign(message, datetime.fromtimestamp(timestamp, UTC), body.decode())
