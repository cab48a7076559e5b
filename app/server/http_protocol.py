"""How requests come in: a head that takes for ever is given up, and what is no HTTP is told so like any other fault."""

import asyncio
import secrets
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from websockets.datastructures import Headers
from websockets.http11 import Response

from app.api.problems import Problem

HEAD_SECONDS = 10.0


def refusal(status: int, detail: str) -> Response:
    problem = Problem(status, "bad_request", detail).as_dict(secrets.token_hex(8))
    body = orjson.dumps(problem)
    headers = {"Content-Type": "application/problem+json", "Content-Length": str(len(body)), "Connection": "close"}
    return Response(status, problem["title"], Headers(headers), body)


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's own waits for ever for a head, and answers in plain text what it cannot read.

    Idle connections, and bodies, have limits of their own.
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._late is None:
            self._wait()

    def on_headers_complete(self) -> None:
        self._arrived()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self.transport.write(refusal(400, "This is no HTTP request.").serialize())
        self.transport.close()

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _arrived(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
