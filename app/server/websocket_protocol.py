"""Frames are bounded in number; invalid handshakes get a problem document; invalid UTF-8 closes the socket with 1007.

`WebSocketProtocol` changes these things in uvicorn's WebSocketsSansIOProtocol:

- A refused handshake is answered by `_Handshake.reject` with a fixed text: the stock answer repeats parts of the
  request.
- Some invalid requests make the stock protocol fail before it has begun a handshake, and are never answered. They are
  answered with a 400, and the connection is closed.
- Text that is not UTF-8 is checked before uvicorn decodes it: uvicorn would log the client's mistake as an exception.
- A packet can hold 40,000 frames. It is parsed in pieces, and the app takes the messages of one before the next. After
  each message other tasks run: taking one that has arrived already does not wait.
- While messages wait for the app nothing more is read: uvloop would read 256 KiB after each of them.
- Frames have a rate, pings and messages alike. Beyond it the socket is closed with 1008.
- No pong is written while the client does not read.
- What a client sends before its handshake is answered waits for the answer.
- A server that stops sends no close to a socket that its client is closing: the stock protocol fails there.
- A socket has a deadline until its handshake is complete, and again when it was closed (connections.py).
"""

import asyncio
import contextlib
import struct
from typing import Any

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from app.api.problems import Problem
from app.server.connections import Connection, Wait
from app.server.refusals import refusal
from app.server.waiting import Gate, Inbox

BAD_HANDSHAKE = "This WebSocket handshake is invalid or not supported."
NOT_UTF8, TOO_MANY_FRAMES = 1007, 1008  # close codes

CLOSE_REPLY = Wait(3.0)  # for the client to answer a close
PIECE = 1024  # bytes that are parsed at once
MAX_EARLY = 16 * 1024  # bytes that may arrive before the handshake is answered
# Frames of one socket. A client sends a ping every few seconds, and names many orders in one message.
BURST = 100
PER_SECOND = 50.0


class WebSocketProtocol(WebSocketsSansIOProtocol):
    transport: Connection
    queue: Any
    writable: Any

    _unparsed = b""  # received behind a message that the app has not taken yet
    _allowance = float(BURST)  # frames that may be received now
    _allowance_at = 0.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _Handshake(max_size=self.config.ws_max_size, logger=self.logger)
        self.queue, self.writable = Inbox(), Gate()

    # ---- receiving ----

    def data_received(self, data: bytes) -> None:
        data, self._unparsed = self._unparsed + data, b""
        for start in range(0, len(data), PIECE):
            if self.transport.is_closing():
                return
            if self.read_paused:
                self._unparsed = data[start:]
                return
            if self.handshake_initiated and not self.handshake_complete:
                return self._keep_early(data[start:])
            self._receive(data[start : start + PIECE])

    def _keep_early(self, data: bytes) -> None:
        if len(data) > MAX_EARLY:
            return self.transport.abort()
        self._unparsed = data
        self.transport.pause_reading()

    async def receive(self) -> ASGIReceiveEvent:
        message: ASGIReceiveEvent = await self.queue.get()
        await asyncio.sleep(0)
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self.data_received(b"")
            if not self.read_paused:
                self.transport.resume_reading()
        return message

    def _receive(self, data: bytes) -> None:
        self.conn.receive_data(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(_bad_handshake(400).serialize())
            self.transport.linger()
        elif self._allows(sum(map(_counts, self.conn.events))):
            if self.conn.parser_exc is None:
                self.handle_events()
            else:
                self.handle_parser_exception()
        elif self.conn.state is State.OPEN:
            self.conn.fail(TOO_MANY_FRAMES, "too many frames")
            self.handle_parser_exception()
        else:
            self.transport.abort()

    def _allows(self, frames: int) -> bool:
        if frames:
            now = self.loop.time()
            self._allowance = min(BURST, self._allowance + (now - self._allowance_at) * PER_SECOND) - frames
            self._allowance_at = now
        return self._allowance >= 0

    def handle_ping(self) -> None:
        pong = self.conn.data_to_send()
        if self.writable.is_set() and self.handshake_complete and not self.close_sent:
            self.transport.write(b"".join(pong))

    def handle_parser_exception(self) -> None:
        self.transport.unread = True  # the client may be sending more
        super().handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                with contextlib.suppress(InvalidState):  # the client closed the socket in the same packet
                    self.conn.send_close(NOT_UTF8)
                return self.handle_parser_exception()
        super().send_receive_event_to_app()

    # ---- deadlines ----

    def start_keepalive(self) -> None:
        """The handshake is complete."""
        super().start_keepalive()
        # Both have headers, which would be kept for as long as the socket is open. So would the generator that parsed
        # them. It has parsed no frame yet.
        del self.request, self.response
        self.conn.parser = self.conn.parse()
        next(self.conn.parser)
        self.transport.stop_waiting()
        if early := self._unparsed:
            self._unparsed = b""
            self.transport.resume_reading()
            self.data_received(early)

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "websocket.send" and self.handshake_complete and not self.close_sent:
            return await self._send_text(message["text"] or "")
        if self.disconnected and message["type"] != "websocket.send":
            return  # a client that left during its handshake is no error: the app receives `websocket.disconnect`
        # A frame behind the handshake may have closed the socket before the app could.
        if not self.close_sent or message["type"] == "websocket.send":
            await super().send(message)
        if self.close_sent:
            self.transport.wait(CLOSE_REPLY)

    async def _send_text(self, text: str) -> None:
        await self.writable.wait()
        if self.disconnected or self.conn.state is not State.OPEN:
            raise ClientDisconnected
        self.transport.write(text_frame(text.encode()))

    def shutdown(self) -> None:
        if self.handshake_complete and self.conn.state is not State.OPEN:  # the client is closing it already
            self.stop_keepalive()
            self.transport.close()
        else:
            super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.lost()
        super().connection_lost(exc)


def text_frame(text: bytes) -> bytes:
    size = len(text)
    if size < 126:
        return b"\x81%c%b" % (size, text)
    return b"\x81%b%b" % (struct.pack("!BH", 126, size) if size < 65536 else struct.pack("!BQ", 127, size), text)


def _counts(event: Any) -> bool:
    return isinstance(event, Frame) and event.opcode is not Opcode.CLOSE


def _bad_handshake(status: int) -> Response:
    return refusal(Problem(status, "bad_request", BAD_HANDSHAKE))


class _Handshake(ServerProtocol):
    def reject(self, status: Any, text: str) -> Response:
        """Always a 4xx: an invalid handshake is the client's error, never the server's."""
        return _bad_handshake(status if status < 500 else 400)
