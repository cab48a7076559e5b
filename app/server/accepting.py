"""Accepts all connections that wait, however much there is to do for those that are open.

uvloop accepts one in each turn of its loop. A turn takes 50 ms while 200 clients repeat a request, so clients that
opened connections waited behind each other for seconds, health checks too.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable

log = logging.getLogger("engine.server")

AT_ONCE = 256  # connections that are accepted before those that are open are looked at
PAUSE_SECONDS = 0.25  # after the system had no room for another
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """Gives what a listening socket accepts to protocols of this loop, until it is closed."""

    def __init__(self, listener: socket.socket, new_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._listener = listener
        self._new_protocol = new_protocol
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._resume()

    def close(self) -> None:
        self._loop.remove_reader(self._listener)
        if self._pause is not None:
            self._pause.cancel()

    def _resume(self) -> None:
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in NO_ROOM:
                    return self._wait(error)
                continue  # its client has left
            accepted.setblocking(False)
            opening = self._loop.create_task(self._loop.connect_accepted_socket(self._new_protocol, accepted))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)

    def _wait(self, error: OSError) -> None:
        log.warning("no connection can be accepted for now", extra={"error": error.strerror})
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(PAUSE_SECONDS, self._resume)
