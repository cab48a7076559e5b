"""The answer to one request, from the app to the connection.

uvicorn writes its headers and its body apart, and checks each header with two regular expressions: an eighth of the
time that placing an order took.
"""

import asyncio
from collections.abc import Iterable
from urllib.parse import unquote

import httptools
from uvicorn._types import ASGISendEvent, HTTPScope
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

Header = tuple[bytes, bytes]

NO_BODY = (204, 304)
PIECE = 32 * 1024  # bytes of a body that are written at once: what a client does not read is kept for each connection

_checked: set[bytes] = set()  # the names of headers that answers have had, which are the engine's own


class Cycle(RequestResponseCycle):
    _head = b""  # of the answer, until its body begins

    @classmethod
    def of(cls, protocol: HttpToolsProtocol) -> "Cycle":
        return cls(
            scope=protocol.scope,
            transport=protocol.transport,
            flow=protocol.flow,
            logger=protocol.logger,
            access_logger=protocol.access_logger,
            access_log=False,
            default_headers=protocol.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=protocol.expect_100_continue,
            keep_alive=protocol.scope["http_version"] != "1.0" and protocol.parser.should_keep_alive(),
            on_response=protocol.on_response_complete,
        )

    async def send(self, message: ASGISendEvent) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        begins, has_begun = message["type"] == "http.response.start", bool(self._head) or self.response_started
        if self.response_complete or begins == has_begun:
            raise RuntimeError(f"Unexpected ASGI message '{message['type']}'.")
        if message["type"] == "http.response.start":
            self.waiting_for_100_continue = False
            self._head = self._head_of(message["status"], [*self.default_headers, *message.get("headers", ())])
        elif message["type"] == "http.response.body":
            await self._send_body(message.get("body", b""), message.get("more_body", False))

    def _head_of(self, status: int, headers: list[Header]) -> bytes:
        check(headers)
        lines = [STATUS_LINE[status]]
        for name, value in headers:
            lines.append(b"%b: %b\r\n" % (name, value))
            if name == b"content-length":
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"connection" and b"close" in value.lower():
                self.keep_alive = False
        if not self.keep_alive and b"connection: close\r\n" not in lines:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in NO_BODY:
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    async def _send_body(self, body: bytes, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            body, self.expected_content_length = b"", 0
        elif self.chunked_encoding:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (self.expected_content_length and not more):
                raise RuntimeError("The body of an answer does not have the length that its headers say.")
        self.response_started = True
        head, self._head = self._head, b""
        if content := head + body[:PIECE]:
            self.transport.write(content)
        rest = memoryview(body)[PIECE:]  # many clients may be sent the same one
        while rest:
            if self.flow.write_paused:
                await self.flow.drain()
            if self.disconnected:
                return
            self.transport.write(rest[:PIECE])
            rest = rest[PIECE:]
        if not more:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()


def set_target(scope: HTTPScope, version: str, target: bytes) -> None:
    url = httptools.parse_url(target)
    path = url.path.decode("ascii")
    scope["http_version"] = version
    scope["path"] = unquote(path) if "%" in path else path
    scope["raw_path"], scope["query_string"] = url.path, url.query or b""


def check(headers: Iterable[Header]) -> None:
    """Raises RuntimeError if a header could be taken for something else, for example if it has a line break."""
    names = {name for name, _ in headers}
    if not names <= _checked:
        if any(HEADER_RE.search(name) or name != name.lower() for name in names):
            raise RuntimeError("Invalid HTTP header name.")
        _checked.update(names)
    if HEADER_VALUE_RE.search(b"".join([value for _, value in headers])):
        raise RuntimeError("Invalid HTTP header value.")
