"""Signatures on the events that pass through Redis: who can write to Redis must not be able to tell of a fill.

The key is not in Redis. It is made from ENGINE_SECRET; without one (local mode) from what every process of the engine
knows anyway, its login at the database.
"""

import hashlib
import hmac
import logging
import time
from urllib.parse import urlsplit

from app import metrics
from app.settings import Settings

SIGNATURE_BYTES = 16
LOG_SECONDS = 10.0  # invalid events may come in masses: with one wrong ENGINE_SECRET, all of them

log = logging.getLogger("engine.events")


def shared_secret(settings: Settings) -> str:
    """What every process of this engine knows, and nobody else."""
    if settings.engine_secret:
        return settings.engine_secret
    login = urlsplit(settings.postgres_dsn or "")
    # Without the address: behind a pooler or a proxy it is not the same for every process.
    return f"{login.username}:{login.password}@{login.path}"


class EventSignatures:
    """Signs and checks events. A signature takes about a microsecond."""

    def __init__(self, secret: str) -> None:
        # The label keeps anything else that is signed with this secret from passing as an event.
        key = hashlib.blake2b(secret.encode(), digest_size=32, person=b"engine events 1").digest()
        self._keyed = hashlib.blake2b(key=key, digest_size=SIGNATURE_BYTES)
        self._log_again_at = 0.0

    @classmethod
    def of(cls, settings: Settings) -> "EventSignatures":
        return cls(shared_secret(settings))

    def sign(self, metadata: bytes, body: bytes) -> bytes:
        digest = self._keyed.copy()
        digest.update(metadata + b"\n")
        digest.update(body)
        return digest.hexdigest().encode()

    def valid(self, metadata: bytes, body: bytes, signature: bytes) -> bool:
        """False is counted and logged: the event is dropped, and read from Postgres."""
        if hmac.compare_digest(self.sign(metadata, body), signature):
            return True
        metrics.FORGED.inc()
        if (now := time.monotonic()) >= self._log_again_at:
            self._log_again_at = now + LOG_SECONDS
            log.warning(
                "events with an invalid signature: either not every process has the same ENGINE_SECRET, "
                "or somebody else writes to Redis"
            )
        return False
