"""How long a connection may keep the server waiting, and which one gives way when there are too many.

A connection waits for its client, and has a deadline, unless it has a complete request in progress or an open stream.
It stays the same `Connection` when a request turns it into a WebSocket.
"""

import asyncio
import contextlib
import logging
import os
import select
import socket
import struct
from collections import Counter
from typing import Any, NamedTuple

import uvicorn

from app.server.turns import Turns

log = logging.getLogger("engine.server")

SWEEP_SECONDS = 0.25
RESET = struct.pack("ii", 1, 0)  # the value of SO_LINGER that makes a close a reset
# Behind a proxy all clients have one address. But a proxy opens a connection when it has a request to send, so few of
# its connections wait this long for the rest of a request. Those that idle in its pool do not count.
MAX_SLOW_PER_ADDRESS = 256
SLOW_SECONDS = 1.0
LEFT = getattr(select, "POLLRDHUP", 0)  # Linux; elsewhere only a client that has left altogether is noticed
LAST_DATA_RECV, TICK = 52, 0.02  # where in TCP_INFO, in ms, and how many seconds it may be too long


class Wait(NamedTuple):
    """For how long a connection may wait for its client. It is idle if no request has begun."""

    seconds: float
    idle: bool = False


HEAD = Wait(10.0)  # from the opening of the connection, or the first byte of a later request, to the end of its headers
BODY = Wait(15.0)  # for routes that read no body; the others have json_body.BODY_SECONDS
IDLE = Wait(5.0, idle=True)  # from an answer to the next request
UNREAD = Wait(30.0)  # for the client to read enough of an answer that the next part can be sent
LINGER = Wait(2.0)  # for the client to read an answer that came before the end of its request
NEW = Wait(0.5)  # while the server stops: for a client that has just connected, or has sent a part of a head
CLOSING = Wait(5.0)  # for the client to read what was sent before the connection was closed


class Connection(asyncio.Transport):
    """The transport of one client. Closing it does not destroy an answer, and never takes long."""

    __slots__ = ("_closing", "_connections", "_paused", "_transport", "deadline", "idle", "since", "unread")

    def __init__(self, transport: asyncio.Transport, connections: "Connections") -> None:
        super().__init__()
        self._transport = transport
        self._connections = connections
        self._closing = self._paused = False
        self.unread = False  # more of what is being answered may arrive
        self.deadline = self.since = 0.0  # only while it waits
        self.idle = False

    def wait(self, what: Wait) -> None:
        """Close the connection if this takes too long. A new wait replaces the one before."""
        self.idle = what.idle
        self._connections.add(self, what.seconds)

    def stop_waiting(self) -> None:
        self._connections.discard(self)

    def has_received(self) -> bool:
        """Bytes that are not read yet. Closing the connection would reset it, and its client would get no answer."""
        return not self._closing and is_readable(self._file)

    def has_left(self) -> bool:
        """Its client has closed it, perhaps long ago: while this process was frozen, or before it was started."""
        return self._closing or self._transport.is_closing() or has_event(self._file, LEFT)

    def waited(self) -> float:
        """How many seconds ago the kernel received what came last: this process may have been frozen since."""
        with contextlib.suppress(OSError, AttributeError, struct.error):  # of Linux alone
            info = self._transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 56)
            milliseconds: int = struct.unpack_from("I", info, LAST_DATA_RECV)[0]
            return max(0.0, milliseconds / 1000 - TICK)
        return 0.0

    def close(self) -> None:
        """Close it after everything was sent; `linger` first if the client may have sent more."""
        if self.unread or self._paused:
            self.linger()
        elif not self._closing:
            self.end()

    def linger(self) -> None:
        """End the answer, and discard what the client sends until it has noticed.

        A connection that is closed with unread data is reset, and a reset destroys what the client has not read yet.
        """
        if not self._closing:
            self._closing = True
            self._transport.write_eof()
            self._transport.resume_reading()
            self.wait(LINGER)

    def end(self) -> None:
        if self._closing:  # it had its time
            return self.abort()
        self._closing = True
        if not self._transport.get_write_buffer_size():
            self._end_at_once()
        self._transport.close()
        self.wait(CLOSING)

    def _end_at_once(self) -> None:
        """To close it takes turns of the loop, and a request that its client sends meanwhile would be reset."""
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self._file)) as one:
            one.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """Reset it, so that the kernel keeps nothing for a client that does not read either."""
        self.lost()
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()

    def lost(self) -> None:
        """The connection is gone: nothing is written to it, and it has no deadline."""
        self._closing = True
        self.stop_waiting()

    @property
    def _file(self) -> int:
        return int(self._transport.get_extra_info("socket").fileno())

    @property
    def address(self) -> str:
        return str(self._transport.get_extra_info("peername", ("",))[0])

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: Any) -> None:
        if not self._closing:
            self._transport.write(data)

    def pause_reading(self) -> None:
        if not self._closing:
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._closing:
            self._paused = False
            self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_protocol(self) -> Any:
        return self._transport.get_protocol()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)


def is_readable(file: int) -> bool:
    return has_event(file, select.POLLIN)


def has_event(file: int, event: int) -> bool:
    poll = select.poll()
    poll.register(file, event)
    return bool(poll.poll(0))


class Connections:
    """All connections of one server that wait for their clients."""

    def __init__(self, max_open: int) -> None:
        self.max_open = max_open
        self._waiting: dict[Connection, None] = {}  # the longest-waiting first
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._gave_way = 0
        self.requests, self.sent_ahead = Turns(), Turns()

    def add(self, connection: Connection, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if connection not in self._waiting:
            self._waiting[connection] = None
            connection.since = now
        connection.deadline = now + seconds
        if self._sweep_timer is None:
            self._sweep_timer = loop.call_later(SWEEP_SECONDS, self._sweep)

    def discard(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)

    def make_room(self, newcomer: Connection) -> bool:
        """Abort the connection that has waited longest. False if none but the newcomer waits."""
        longest = next((one for one in self._waiting if one is not newcomer), None)
        if longest is None:
            return False
        longest.abort()
        self._gave_way += 1
        return True

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now, waiting = loop.time(), list(self._waiting)
        for connection in waiting:
            if connection.deadline <= now and not (connection.idle and connection.has_received()):
                connection.end()
        if len(waiting) > MAX_SLOW_PER_ADDRESS:
            self._limit_addresses([one for one in waiting if not one.idle and now - one.since > SLOW_SECONDS])
        if self._gave_way:
            log.warning("too many connections: the longest-waiting were closed", extra={"closed": self._gave_way})
            self._gave_way = 0
        self._sweep_timer = loop.call_later(SWEEP_SECONDS, self._sweep) if self._waiting else None

    def _limit_addresses(self, slow: list[Connection]) -> None:
        count: Counter[str] = Counter()
        for connection in reversed(slow):  # the longest-waiting go
            address = connection.address
            count[address] += 1
            if count[address] > MAX_SLOW_PER_ADDRESS:
                connection.abort()
        for address, number in count.items():
            if number > MAX_SLOW_PER_ADDRESS:
                extra = {"address": address, "closed": number - MAX_SLOW_PER_ADDRESS}
                log.warning("too many slow connections of one address: the longest-waiting were closed", extra=extra)


class ServerConfig(uvicorn.Config):
    """uvicorn passes its configuration to every protocol: so this is where they find the connections."""

    connections: Connections
