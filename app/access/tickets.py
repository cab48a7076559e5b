"""Tickets replace the API key on the sockets of browsers, which cannot set headers: signed, short-lived, one scope."""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

VALID_SECONDS = 60  # to connect within; an open socket outlives its ticket
STREAM = "stream"  # the scope of a ticket for /api/stream; any other scope is an order's id


@dataclass(frozen=True, slots=True)
class Ticket:
    """The contents of a valid ticket."""

    owner: str  # whose orders it shows
    key: str  # the prefix of the key it was issued for: once that is revoked, the ticket is void


class Tickets:
    """Issues and reads tickets. Every API process with the same secret accepts them; nothing is stored."""

    def __init__(self, secret: str | None, *, now: Callable[[], float] = time.time) -> None:
        # The label keeps anything else that may ever be signed with this secret from passing as a ticket.
        self._keyed = hmac.new((secret or secrets.token_hex(32)).encode(), b"engine ticket 1\n", hashlib.sha256)
        self._now = now

    def issue(self, scope: str, *, owner: str, key: str) -> str:
        payload = f"{int(self._now()) + VALID_SECONDS} {scope} {key} {owner}".encode()
        return _encode(payload + self._sign(payload))

    def read(self, ticket: str, scope: str) -> Ticket | None:
        """None unless the signature is valid, the scope is this one, and the ticket has not expired."""
        try:
            blob = base64.b64decode(ticket + "=" * (-len(ticket) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        payload, signature = blob[:-32], blob[-32:]
        if not hmac.compare_digest(signature, self._sign(payload)):
            return None
        expires_at, signed_scope, key, owner = payload.decode().split(" ", 3)
        return Ticket(owner, key) if signed_scope == scope and self._now() <= int(expires_at) else None

    def _sign(self, payload: bytes) -> bytes:
        signing = self._keyed.copy()  # cheaper than to begin with the secret each time
        signing.update(payload)
        return signing.digest()


def _encode(blob: bytes) -> str:
    return base64.urlsafe_b64encode(blob).decode().rstrip("=")


def split_ticket(query: bytes) -> tuple[bytes, str | None]:
    """A query string without its ticket, and the ticket, so that no log of addresses contains it."""
    if b"ticket=" not in query:
        return query, None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    rest = urlencode([pair for pair in pairs if pair[0] != "ticket"]).encode("latin-1")
    return rest, next((value for name, value in pairs if name == "ticket"), None)
