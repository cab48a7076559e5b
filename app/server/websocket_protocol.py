"""Invalid handshakes get a problem document; invalid UTF-8 closes the socket with 1007, without a traceback in the log.

`WebSocketProtocol` changes three things in uvicorn's WebSocketsSansIOProtocol:

- A refused handshake is answered by `_Handshake.reject` with a fixed text: the stock answer repeats parts of the
  request.
- Some invalid requests make the stock protocol fail before it has begun a handshake, and are never answered. They are
  answered with a 400, and the connection is closed.
- Text that is not UTF-8 is checked before uvicorn decodes it: uvicorn would log the client's mistake as an exception.
"""

import contextlib
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.http11 import Response
from websockets.server import ServerProtocol

from app.server.http_protocol import refusal

BAD_HANDSHAKE = "This WebSocket handshake is invalid or not supported."
NOT_UTF8 = 1007  # a close code


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _Handshake(max_size=self.config.ws_max_size, logger=self.logger)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(refusal(400, BAD_HANDSHAKE).serialize())
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                with contextlib.suppress(InvalidState):  # the client closed the socket in the same packet
                    self.conn.send_close(NOT_UTF8)
                return self.handle_parser_exception()
        super().send_receive_event_to_app()


class _Handshake(ServerProtocol):
    def reject(self, status: Any, text: str) -> Response:
        """Always a 4xx: an invalid handshake is the client's error, never the server's."""
        return refusal(status if status < 500 else 400, BAD_HANDSHAKE)
