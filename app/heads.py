"""How requests come in: a head that takes for ever is given up, and what is no HTTP is told so like any other fault."""

import asyncio
import contextlib
import secrets
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.exceptions import InvalidState
from websockets.http11 import Response
from websockets.server import ServerProtocol

from app.api.problems import Problem

HEAD_SECONDS = 10.0
NO_HANDSHAKE = "This is no handshake of a WebSocket that this engine knows."
NOT_UTF8 = 1007  # the close code


def _refusal(status: int, detail: str) -> Response:
    problem = Problem(status, "bad_request", detail).as_dict(secrets.token_hex(8))
    body = orjson.dumps(problem)
    headers = {"Content-Type": "application/problem+json", "Content-Length": str(len(body)), "Connection": "close"}
    return Response(status, problem["title"], Headers(headers), body)


class PatientUntil(HttpToolsProtocol):
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
        self.transport.write(_refusal(400, "This is no HTTP request.").serialize())
        self.transport.close()

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _arrived(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class PlainRefusals(WebSocketsSansIOProtocol):
    """uvicorn's own repeats what was wrong with a handshake, leaves some unanswered, and logs what is not UTF-8."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _Handshake(max_size=self.config.ws_max_size, logger=self.logger)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(_refusal(400, NO_HANDSHAKE).serialize())
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                with contextlib.suppress(InvalidState):  # it has said goodbye in the same breath
                    self.conn.send_close(NOT_UTF8)
                return self.handle_parser_exception()
        super().send_receive_event_to_app()


class _Handshake(ServerProtocol):
    def reject(self, status: Any, text: str) -> Response:
        """Whatever was wrong, it was the client's request."""
        return _refusal(status if status < 500 else 400, NO_HANDSHAKE)
