"""Header timeout; invalid HTTP gets a 400.

`HttpProtocol` changes two things in uvicorn's HttpToolsProtocol:

- uvicorn waits without limit for the headers of a request. Here the connection is closed `HEADER_SECONDS` after it was
  opened, or after the first byte of a later request, unless the headers are complete. A timer runs exactly while
  headers are awaited. Idle connections and request bodies have their own limits (uvicorn's keep-alive timeout,
  `json_body.BODY_SECONDS`).
- uvicorn answers invalid HTTP in plain text. Here the answer is a problem document, like every other error.
"""

import asyncio
import secrets
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.datastructures import Headers
from websockets.http11 import Response

from app.api.problems import Problem

HEADER_SECONDS = 10.0


def refusal(status: int, detail: str) -> Response:
    """A problem document as a whole HTTP response, for requests that never reach the app."""
    problem = Problem(status, "bad_request", detail).as_dict(secrets.token_hex(8))
    body = orjson.dumps(problem)
    headers = {"Content-Type": "application/problem+json", "Content-Length": str(len(body)), "Connection": "close"}
    return Response(status, problem["title"], Headers(headers), body)


class HttpProtocol(HttpToolsProtocol):
    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._start_timer()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._header_timer is None:  # the timer of the first request runs since the connection was opened
            self._start_timer()

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self.transport.write(refusal(400, "This is not a valid HTTP request.").serialize())
        self.transport.close()

    def _start_timer(self) -> None:
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
