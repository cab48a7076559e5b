"""Requests are bounded in size and time; invalid HTTP gets a problem document; unknown upgrades are ignored.

`HttpProtocol` changes these things in uvicorn's HttpToolsProtocol:

- uvicorn waits without limit for the headers of a request, and for the rest of a request that it has answered. Here a
  connection has a deadline unless it has a complete request in progress (connections.py).
- uvicorn keeps headers and trailers of any size. Here everything of a request except its body has a limit. Packets are
  parsed in pieces, so that the limit is noticed before much memory is used.
- uvicorn adds trailers to the headers of the request. Here they are dropped.
- uvicorn answers invalid HTTP in plain text, even in the middle of another answer.
- httptools stops parsing after the headers of a request that asks for an upgrade, and takes its body for the next
  request. `curl --http2` and Java's HttpClient ask for h2c by default. Here such a request is like any other.
"""

import secrets
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.datastructures import Headers
from websockets.http11 import Response

from app.api.problems import Problem
from app.server.connections import LINGER, Connection, ServerConfig, Wait

HEAD = Wait(10.0)  # from the opening of the connection, or the first byte of a later request, to the end of its headers
BODY = Wait(15.0)  # for routes that read no body; the others have json_body.BODY_SECONDS
IDLE = Wait(5.0, idle=True)  # from an answer to the next request
UNREAD = Wait(30.0)  # for the client to read enough of an answer that the next part can be sent

PIECE = 16 * 1024  # bytes that are parsed at once; a packet can have 256 KiB
MAX_BESIDE_BODY = 32 * 1024  # bytes of one request: its headers, the sizes and extensions of its chunks, its trailers
MAX_HEADERS = 100
MAX_PIPELINED = 64  # requests that wait on one connection

INVALID = Problem(400, "bad_request", "This is not a valid HTTP request.")
NO_TUNNEL = Problem(400, "bad_request", "CONNECT is not supported: this is not a proxy.")
TOO_LARGE = Problem(431, "headers_too_large", "A request may have 100 headers, and 32 KiB besides its body.")
FULL = Problem(
    503,
    "too_many_connections",
    "All connections of the engine are in use. Try again in a moment.",
    retryable=True,
    headers={"Retry-After": "2"},
)


def refusal(problem: Problem) -> Response:
    """A whole HTTP response, for requests that never reach the app."""
    document = problem.as_dict(secrets.token_hex(8))
    body = orjson.dumps(document)
    headers = {"Content-Type": "application/problem+json", "Content-Length": str(len(body)), "Connection": "close"}
    headers |= problem.headers
    return Response(problem.status, document["title"], Headers(headers), body)


class _TooLarge(Exception):
    pass


class HttpProtocol(HttpToolsProtocol):
    config: ServerConfig
    transport: Connection

    _begun = False  # a request has begun and is not complete
    _beside_body = 0  # bytes of it
    _waits_for: Wait | None = None
    _refused = False  # nothing more is read

    def connection_made(self, transport: Any) -> None:
        connections = self.config.connections
        connection = Connection(transport, connections)
        super().connection_made(connection)
        self._wait_for(HEAD)
        if len(self.connections) > connections.max_open and not connections.make_room(connection):
            self.refuse(FULL)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport.lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if len(data) <= PIECE:
            return self._receive(data)
        for start in range(0, len(data), PIECE):
            self.transport.get_protocol().data_received(data[start : start + PIECE])  # it may be a WebSocket by now

    def _receive(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            return self._upgrade(data[stop.args[0] :])
        except httptools.HttpParserError as error:
            return self.refuse(TOO_LARGE if isinstance(error.__context__, _TooLarge) else INVALID)
        self._beside_body += len(data)
        if self._beside_body > MAX_BESIDE_BODY:
            return self.refuse(TOO_LARGE)
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
        answered = self.cycle is None or self.cycle.response_complete
        if self.transport.unread:
            wait = LINGER if answered else BODY
        elif self._begun or self.cycle is None:
            wait = HEAD
        elif answered:
            wait = IDLE
        elif self.flow.write_paused:
            wait = UNREAD
        else:
            self._waits_for = None
            return self.transport.stop_waiting()
        if wait is not self._waits_for:
            self._wait_for(wait)

    def _wait_for(self, wait: Wait) -> None:
        self._waits_for = wait
        self.transport.wait(wait)

    def _upgrade(self, rest: bytes) -> None:
        """llhttp takes what follows the headers for another protocol."""
        method, answered = self.parser.get_method(), self.cycle is None or self.cycle.response_complete
        if method == b"GET" and self._should_upgrade():
            if not answered:
                return self.refuse(INVALID)
            self._wait_for(HEAD)
            self.handle_websocket_upgrade()
            self.transport.get_protocol().data_received(rest)
            return
        if method == b"CONNECT":
            return self.refuse(NO_TUNNEL)
        # A new parser gets the same headers without `Upgrade`, so it alone decides where the body ends.
        head = [b"%b %b HTTP/%b\r\n" % (method, self.url, self.parser.get_http_version().encode())]
        head += [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
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
        self._beside_body = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.transport.unread:
            return  # a trailer
        if len(self.headers) >= MAX_HEADERS:
            raise _TooLarge
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            self.scope["method"] = self.parser.get_method().decode()
            return
        if len(self.pipeline) >= MAX_PIPELINED:
            raise _TooLarge
        super().on_headers_complete()
        self.transport.unread = True

    def on_body(self, body: bytes) -> None:
        self._beside_body -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._begun = self.transport.unread = False
        self._waits_for = None
        super().on_message_complete()

    # ---- called by the request ----

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._wait_for_client()
