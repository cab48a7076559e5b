"""How WebSocket connections come in."""

import contextlib
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.http11 import Response
from websockets.server import ServerProtocol

from app.server.http_protocol import refusal

BAD_HANDSHAKE = "This is not a WebSocket handshake that this engine supports."
NOT_UTF8 = 1007  # the close code


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own repeats what was wrong with a handshake, leaves some unanswered, and logs what is not UTF-8."""

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
                with contextlib.suppress(InvalidState):  # it has said goodbye in the same breath
                    self.conn.send_close(NOT_UTF8)
                return self.handle_parser_exception()
        super().send_receive_event_to_app()


class _Handshake(ServerProtocol):
    def reject(self, status: Any, text: str) -> Response:
        """Whatever was wrong, it was the client's request."""
        return refusal(status if status < 500 else 400, BAD_HANDSHAKE)
