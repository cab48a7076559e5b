"""Requests are bounded in size and time; invalid HTTP gets a problem document; unknown upgrades are ignored.

`HttpProtocol` changes these things in uvicorn's HttpToolsProtocol:

- uvicorn waits without limit for the headers of a request, and for the rest of a request that it has answered. Here a
  connection has a deadline unless it has a complete request in progress (connections.py).
- uvicorn keeps headers and trailers of any size. Here everything of a request except its body has a limit. Packets are
  parsed in pieces, so that the limit is noticed before much memory is used, and before the app gets the request.
- uvicorn parses all requests that a client sends ahead. Here nothing is parsed or read until a request is answered.
- uvicorn adds trailers to the headers; here they are dropped. It answers invalid HTTP in plain text, even in the middle
  of another answer.
- httptools stops parsing after the headers of a request that asks for an upgrade, and takes its body for the next
  request. `curl --http2` and Java's HttpClient ask for h2c by default. Here such a request is like any other.
"""

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.problems import Problem
from app.server import refusals
from app.server.connections import BODY, HEAD, IDLE, LINGER, NEW, UNREAD, Connection, ServerConfig, Wait
from app.server.cycle import Cycle, set_target
from app.server.pieces import end_of_piece
from app.server.refusals import objection, refusal

MAX_BESIDE_BODY = 32 * 1024  # bytes of one request: its headers, the sizes and extensions of its chunks, its trailers
MAX_HEADERS = 100
MAX_TARGET = 2 * 1024  # bytes of a path with its query; ours have at most a few hundred
MAX_AHEAD = 16 * 1024  # bytes that wait on one connection for the answer to what was sent before them


class _Refused(Exception):
    """Raised inside the parser."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


class HttpProtocol(HttpToolsProtocol):
    config: ServerConfig
    transport: Connection

    _begun = False  # a request has begun and is not complete
    _beside_body = 0  # bytes of it
    _waits_for: Wait | None = None
    _refused = _upgraded = False  # nothing more is read; it is a WebSocket by now
    _ahead, _ahead_is_cut = b"", False  # received while a request is being answered

    def connection_made(self, transport: Any) -> None:
        connection = Connection(transport, connections := self.config.connections)
        self.app_state = self.app_state | {"connection": connection}  # in the scope of each request, and of a socket
        super().connection_made(connection)
        self._wait_for(HEAD)
        if len(self.connections) > connections.max_open and not connections.make_room(connection):
            self.refuse(refusals.FULL)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.lost()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """A client whose request has arrived by now, or arrives in a moment, gets its answer."""
        if self.cycle is None or self.cycle.response_complete:
            if self.transport.has_received():
                return
            if self.cycle is None or self._begun:
                return self._wait_for(NEW)
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        if self._ahead:
            return self._keep(data)
        start, size = 0, len(data)
        while start < size and not self._refused and not self.transport.is_closing():
            if self._upgraded:
                return self._pass_on(data[start:])
            if self._is_answering():
                return self._keep(data[start:])
            end = end_of_piece(data, start, unread=self.transport.unread)
            self._receive(data[start:end])
            start = end

    def _pass_on(self, data: bytes) -> None:
        self.transport.get_protocol().data_received(data)

    def _is_answering(self) -> bool:
        """A complete request is being answered, or the next one waits."""
        answering = self.cycle is not None and not self.cycle.response_complete and not self.transport.unread
        return answering or bool(self.pipeline)

    def _keep(self, data: bytes) -> None:
        self._ahead_is_cut |= len(self._ahead) + len(data) > MAX_AHEAD
        self._ahead = (self._ahead + data)[:MAX_AHEAD]
        if self._ahead_is_cut:  # not before: a client that leaves would not be noticed
            self.flow.pause_reading()

    def _receive(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        self._beside_body += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            return self._upgrade(data[stop.args[0] :])
        except httptools.HttpParserError as error:
            refused = error.__context__
            return self.refuse(refused.problem if isinstance(refused, _Refused) else refusals.INVALID)
        if self._beside_body > MAX_BESIDE_BODY:
            return self.refuse(refusals.TOO_LARGE)
        self._wait_for_client()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_client()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._wait_for_client()

    def _wait_for_client(self) -> None:
        """Bytes alone change nothing: a deadline is set when something else is awaited."""
        if self._is_answering():
            if not self.flow.write_paused:
                self._waits_for = None
                return self.transport.stop_waiting()
            wait = UNREAD
        elif self.transport.unread:
            wait = LINGER if self.cycle.response_complete else BODY
        elif self._begun or self.cycle is None:
            wait = HEAD
        else:
            wait = IDLE
        if wait is not self._waits_for:
            self._wait_for(wait)

    def _wait_for(self, wait: Wait) -> None:
        self._waits_for = wait
        self.transport.wait(wait)

    def _upgrade(self, rest: bytes) -> None:
        """llhttp takes what follows the headers for another protocol."""
        method, answered = self.parser.get_method(), self.cycle is None or self.cycle.response_complete
        if method == b"GET" and self._should_upgrade():
            if not answered or self._ahead_is_cut:
                return self.refuse(refusals.INVALID)
            self._wait_for(HEAD)
            self.handle_websocket_upgrade()
            self._upgraded = True
            del self.parser  # a circle of references
            return self._pass_on(rest)
        if method == b"CONNECT":
            return self.refuse(refusals.NO_TUNNEL)
        # A new parser gets the same headers without `Upgrade`, so it alone decides where the body ends.
        head = [b"%b %b HTTP/%b\r\n" % (method, self.url, self.parser.get_http_version().encode())]
        head += [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self._beside_body = 0
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._receive(b"".join(head) + b"\r\n")
        if rest:
            self._receive(rest)

    def refuse(self, problem: Problem) -> None:
        cycle, self._refused = self.cycle, True
        answering = cycle is not None and not cycle.response_complete
        if answering and not self.transport.unread:
            # It is not this request that is being answered. The earlier ones still get their answers.
            cycle.keep_alive = False
            self.transport.unread = True
            self.flow.pause_reading()
            return self.transport.stop_waiting()
        if answering:
            cycle.disconnected = True
            cycle.message_event.set()
        if not (answering and (cycle.response_started or self.pipeline)):
            self.transport.write(refusal(problem).serialize())
        self.transport.linger()

    # ---- called by the parser ----

    def on_message_begin(self) -> None:
        self._begun = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_TARGET:
            raise _Refused(refusals.TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.transport.unread:
            return  # a trailer
        if len(self.headers) >= MAX_HEADERS:
            raise _Refused(refusals.TOO_LARGE)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.scope["method"], version = self.parser.get_method().decode(), self.parser.get_http_version()
        problem = refusals.TOO_LARGE if self._beside_body > MAX_BESIDE_BODY else objection(version, self.headers)
        if problem:
            raise _Refused(problem)
        if self.parser.should_upgrade():
            return
        set_target(self.scope, version, self.url)
        earlier, self.cycle = self.cycle, Cycle.of(self)
        if earlier is None or earlier.response_complete:
            self.config.connections.requests.begin(self._start_asgi_task, self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))
        self.transport.unread = True

    def on_body(self, body: bytes) -> None:
        self._beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._begun = self.transport.unread = False
        self._beside_body = 0
        self._waits_for = None
        super().on_message_complete()

    # ---- called by the request ----

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self._ahead:
            return self.config.connections.sent_ahead.wait(self._parse_ahead)
        self.flow.resume_reading()
        self._wait_for_client()

    def _parse_ahead(self) -> None:
        self.flow.resume_reading()
        ahead, self._ahead = self._ahead, b""
        self.data_received(ahead)
        if self._ahead_is_cut and not self._ahead:
            self.refuse(refusals.AHEAD)
