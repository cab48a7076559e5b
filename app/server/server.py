"""The API process: the socket it listens on, and uvicorn's configuration.

`DrainingServer` changes how uvicorn stops. Stock uvicorn closes idle connections at once on SIGTERM, and a client that
sends its next request at that moment gets a reset instead of an answer. Here every answer of the last `DRAIN_SECONDS`
carries `Connection: close`, so that clients stop reusing their connections; only then uvicorn shuts down. Requests that
have arrived by then, and those of clients that have just connected, are answered too. A second signal, or Ctrl-C, skips
the wait.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn

from app.access.connection_limit import max_connections
from app.open_files import raise_file_limit
from app.preflight import servers as preflight
from app.server.accepting import Acceptor
from app.server.connections import Connections, ServerConfig, is_readable
from app.server.http_protocol import HttpProtocol
from app.server.listener import LISTEN_FD_VARIABLE, listen
from app.server.websocket_protocol import WebSocketProtocol
from app.settings import Settings

DRAIN_SECONDS = 0.5
CONNECTION_CLOSE = (b"connection", b"close")

MAX_FRAME = 4 * 1024  # bytes of a message from a client; a longer one closes the socket with 1009


def serve(settings: Settings) -> None:
    """Run the API in this process until SIGTERM or Ctrl-C."""
    asyncio.run(preflight.check(settings, api=True))  # here too: inside uvicorn a refusal would be a traceback
    inherited = os.environ.pop(LISTEN_FD_VARIABLE, None)
    listener = socket.socket(fileno=int(inherited)) if inherited else listen(settings.host, settings.port)
    raise_file_limit(settings.max_sockets + 1024)
    # uvicorn raises the signal again after its shutdown. A requested stop must exit with 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt):
        DrainingServer(server_config("app.main:app", settings)).run(sockets=[listener])


def server_config(app: Any, settings: Settings, *, shutdown_seconds: int = 8) -> ServerConfig:
    config = ServerConfig(
        app,
        interface="asgi3",
        loop="uvloop",
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,  # takes 100 KiB per socket, and saves little on frames this short
        ws_ping_interval=20,
        ws_ping_timeout=20,
        access_log=False,
        log_config=None,  # the app configures logging
        server_header=False,
        # uvicorn trusts the headers of a proxy on this machine. In local mode every client is on this machine, and
        # could pass for as many as it likes.
        proxy_headers=settings.engine_mode == "production" or "FORWARDED_ALLOW_IPS" in os.environ,
        timeout_graceful_shutdown=shutdown_seconds,
    )
    config.connections = Connections(max_connections())
    return config


class DrainingServer(uvicorn.Server):
    _stop_at = float("inf")
    _acceptors: Sequence[Acceptor] = ()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self._acceptors = [Acceptor(one, self._new_protocol) for one in sockets or []]

    def _new_protocol(self) -> asyncio.Protocol:
        return HttpProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._announce()
        if sig != signal.SIGTERM or self._stop_at < float("inf"):
            return super().handle_exit(sig, frame)
        self._stop_at = time.monotonic() + DRAIN_SECONDS

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Clients that have connected are accepted first: closing the listener would reset those that wait there."""
        self._announce()
        stop_at = time.monotonic() + DRAIN_SECONDS
        while any(is_readable(one.fileno()) for one in sockets or []) and time.monotonic() < stop_at:
            await asyncio.sleep(0)
        for acceptor in self._acceptors:
            acceptor.close()
        await super().shutdown(sockets)

    def _announce(self) -> None:
        if CONNECTION_CLOSE not in self.config.encoded_headers:
            self.config.encoded_headers.append(CONNECTION_CLOSE)
            self.server_state.default_headers = [*self.server_state.default_headers, CONNECTION_CLOSE]

    async def on_tick(self, counter: int) -> bool:
        if time.monotonic() >= self._stop_at:
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)
