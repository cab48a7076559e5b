"""Looks up the names of receivers, in threads of its own: those of the event loop are for Postgres and Redis.

A look-up cannot be ended, only left alone. So of each name one is out at a time, which all attempts share. A name that
has not answered is silent, so attempts fail at once, until its thread is back and for a while after. No owner has more
look-ups out than webhooks.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address

from app.webhooks.addresses import Address
from app.webhooks.store import MAX_PER_OWNER

SECONDS = 7.0  # that attempts wait; a system that asks a second name server does so after 5 s
SILENT_SECONDS = 60.0
MAX_OUT = 200  # of all owners

Found = list[Address] | Exception


class Silent(Exception):
    """No name server has answered."""


@dataclass(frozen=True, slots=True)
class _LookUp:
    owner: str
    until: float  # attempts wait, on the monotonic clock
    found: asyncio.Future[Found]


def look_up(name: str) -> list[Address]:
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in found))


class Names:
    def __init__(self, look_up: Callable[[str], list[Address]] = look_up) -> None:
        self._look_up = look_up
        self._out: dict[str, _LookUp] = {}
        self._silent_until: dict[str, float] = {}

    async def addresses(self, name: str, owner: str) -> list[Address]:
        with suppress(ValueError):
            return [ip_address(name)]
        out = self._out.get(name) or self._begin(name, owner)
        done, _ = await asyncio.wait([out.found], timeout=max(0.0, out.until - time.monotonic()))
        if not done:
            raise Silent
        if isinstance(found := out.found.result(), Exception):
            raise found
        return found

    def _begin(self, name: str, owner: str) -> _LookUp:
        now, of_owner = time.monotonic(), sum(out.owner == owner for out in self._out.values())
        if now < self._silent_until.get(name, 0.0) or of_owner >= MAX_PER_OWNER or len(self._out) >= MAX_OUT:
            raise Silent
        loop = asyncio.get_running_loop()
        out = self._out[name] = _LookUp(owner, now + SECONDS, loop.create_future())

        def work() -> None:
            found: Found
            try:
                found = self._look_up(name)
            except Exception as error:
                found = error
            with suppress(RuntimeError):  # the watcher has stopped
                loop.call_soon_threadsafe(self._end, name, found)

        # Not of an executor: the interpreter would wait for its threads at the end.
        threading.Thread(target=work, name="look-up", daemon=True).start()
        return out

    def _end(self, name: str, found: Found) -> None:
        out, now = self._out.pop(name), time.monotonic()
        out.found.set_result(found)
        if now > out.until:
            self._silent_until = {one: until for one, until in self._silent_until.items() if until > now}
            self._silent_until[name] = now + SILENT_SECONDS
