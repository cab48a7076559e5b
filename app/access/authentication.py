"""Who is calling, and therefore whose orders they may see."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from starlette.types import Scope

from app.access.caller import Caller as Caller
from app.access.headers import headers_of
from app.access.keyring import Keyring
from app.access.keys import PREFIX
from app.access.origins import Origins
from app.access.tickets import Tickets
from app.settings import Settings

LOCAL_OWNER = "local"
LOCAL = Caller(LOCAL_OWNER, operator=True)


class NotAllowed(Exception):
    """Neither an API key nor a ticket was sent."""


class InvalidKey(NotAllowed):
    """The API key is unknown or revoked, or the ticket is not valid."""


class ExpiredKey(InvalidKey):
    """The API key was valid until then."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at


class Authenticator:
    """Tells callers apart by their API keys.

    Local mode listens on loopback only. It has one caller, who needs no key and may do everything.
    """

    def __init__(self, settings: Settings, keyring: Keyring | None, tickets: Tickets) -> None:
        self._keyring = keyring
        self._tickets = tickets
        self._origins = Origins(settings)

    @property
    def local(self) -> bool:
        return self._keyring is None

    def is_behind(self) -> bool:
        """Keys may have been revoked while this process stood still: `catch_up` before a caller is let in."""
        return self._keyring is not None and self._keyring.is_behind()

    async def catch_up(self) -> None:
        if self._keyring is not None:
            await self._keyring.catch_up()

    def authenticate(self, request: Scope) -> Caller:
        """Raises NotAllowed, or DatabaseUnavailable until the keys were read for the first time."""
        if self._keyring is None:
            return LOCAL
        key = _key_in(request)
        if not key:
            raise NotAllowed
        caller = self._keyring.find(key)
        if caller is None:
            raise InvalidKey if (at := self._keyring.expired_at(key)) is None else ExpiredKey(at)
        return caller

    def authenticate_socket(self, socket: Scope, scope: str) -> Caller:
        """The same for a WebSocket: its host and origin must be allowed, and a ticket for `scope` replaces the key."""
        self._origins.check(socket)
        ticket = socket["state"].get("ticket")
        if self._keyring is None or not ticket:
            return self.authenticate(socket)
        valid = self._tickets.read(ticket, scope)
        caller = None if valid is None else self._keyring.find_by_prefix(valid.key)
        if valid is None or caller is None:
            raise InvalidKey
        return replace(caller, owner=valid.owner, operator=False)

    def end_when_revoked(self, caller: Caller, end: Callable[[], None]) -> contextlib.AbstractContextManager[None]:
        """For streams, which outlast the check of the key: `end` is called if it is revoked or expires meanwhile."""
        return contextlib.nullcontext() if self._keyring is None else self._keyring.end_when_revoked(caller.key, end)

    def issue_ticket(self, caller: Caller, scope: str, *, owner: str | None = None) -> str:
        return self._tickets.issue(scope, owner=owner or caller.owner, key=caller.key)


def key_prefix(request: Scope) -> str | None:
    """The public part of the key that was sent, valid or not; None: nothing that looks like a key was."""
    found = PREFIX.match(_key_in(request) or "")
    return found[0] if found else None


def _key_in(request: Scope) -> str | None:
    headers = headers_of(request)
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        key = headers.get(b"x-api-key", b"")
    return key.strip().decode("latin-1")
