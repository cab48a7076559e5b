"""Tickets: what a browser shows at a socket, where it cannot send a key. Signed, for one thing, and soon over."""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

SECONDS = 60
STREAM = "stream"  # the scope of a ticket for /api/stream; any other scope is an order's id


@dataclass(frozen=True, slots=True)
class Ticket:
    """Whose orders, and by whose key: a ticket ends with the key that it was asked for with."""

    owner: str
    key: str


class Tickets:
    """Every API process with the same secret honours the same tickets. Nothing is stored."""

    def __init__(self, secret: str | None, *, now: Callable[[], float] = time.time) -> None:
        self._secret = (secret or secrets.token_hex(32)).encode()
        self._now = now

    def issue(self, scope: str, *, owner: str, key: str) -> str:
        what = f"{int(self._now()) + SECONDS} {scope} {key} {owner}".encode()
        return _text(what + self._seal(what))

    def read(self, ticket: str, scope: str) -> Ticket | None:
        """None unless it is ours, for exactly this, and not over."""
        try:
            blob = base64.b64decode(ticket + "=" * (-len(ticket) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        what, seal = blob[:-32], blob[-32:]
        if not hmac.compare_digest(seal, self._seal(what)):
            return None
        until, for_what, key, owner = what.decode().split(" ", 3)
        return Ticket(owner, key) if for_what == scope and self._now() <= int(until) else None

    def _seal(self, what: bytes) -> bytes:
        # Named, so that nothing else that is ever signed with this secret can pass for a ticket.
        return hmac.digest(self._secret, b"engine ticket 1\n" + what, hashlib.sha256)


def _text(blob: bytes) -> str:
    return base64.urlsafe_b64encode(blob).decode().rstrip("=")


def taken_out(query: bytes) -> tuple[bytes, str | None]:
    """A query string without its ticket, and the ticket: no log of addresses gets to see it."""
    if b"ticket=" not in query:
        return query, None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    rest = urlencode([pair for pair in pairs if pair[0] != "ticket"]).encode("latin-1")
    return rest, next((value for name, value in pairs if name == "ticket"), None)
