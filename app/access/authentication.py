"""Who is calling, and so whose orders they may see."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from app.access.keys import Keyring
from app.access.tickets import Tickets
from app.settings import Settings

LOCAL_OWNER = "local"
LOOPBACK = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Caller:
    owner: str
    operator: bool
    key: str = ""  # the prefix of theirs, which is no secret


class NotAllowed(Exception):
    """No key, or not the right one."""


class ForeignOrigin(NotAllowed):
    """A page from somewhere else wants a socket in the name of whoever looks at it."""


class Authenticator:
    """Local mode knows one caller, who may do everything: it listens on loopback only. Else a key says who it is."""

    def __init__(self, settings: Settings, keyring: Keyring | None, tickets: Tickets) -> None:
        self._keyring = keyring
        self._tickets = tickets
        self._origins = frozenset(settings.allowed_origins)

    @property
    def local(self) -> bool:
        return self._keyring is None

    def authenticate(self, connection: HTTPConnection) -> Caller:
        """Raises NotAllowed, or BookAway while no key could be read yet."""
        if self._keyring is None:
            return Caller(LOCAL_OWNER, operator=True, key="")
        key = _key_in(connection)
        found = self._keyring.find(key) if key else None
        if found is None:
            raise NotAllowed
        return Caller(found.owner, found.operator, found.prefix)

    def authenticate_socket(self, socket: HTTPConnection, scope: str) -> Caller:
        """As `caller`, for a socket: from an origin that may, and a ticket for `scope` is as good as a key."""
        self._check_origin(socket.headers.get("origin"))
        ticket = socket.scope.get("state", {}).get("ticket")
        if self._keyring is None or not ticket:
            return self.authenticate(socket)
        shown = self._tickets.read(ticket, scope)
        if shown is None or self._keyring.named(shown.key) is None:
            raise NotAllowed
        return Caller(shown.owner, operator=False, key=shown.key)

    def while_allowed(self, caller: Caller, end: Callable[[], None]) -> contextlib.AbstractContextManager[None]:
        """For what outlasts a request: while the block runs, `end` is called if this caller's key is revoked."""
        return contextlib.nullcontext() if self._keyring is None else self._keyring.opened_with(caller.key, end)

    def ticket(self, caller: Caller, scope: str, *, owner: str | None = None) -> str:
        return self._tickets.issue(scope, owner=owner or caller.owner, key=caller.key)

    def _check_origin(self, origin: str | None) -> None:
        """Only browsers send one; whoever is no browser shows a key or a ticket of its own accord."""
        if origin is None or origin in self._origins:
            return
        if self._keyring is not None or not LOOPBACK.fullmatch(origin):
            raise ForeignOrigin


def _key_in(connection: HTTPConnection) -> str | None:
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return connection.headers.get("x-api-key")
