"""The API process: which socket it listens on, and how uvicorn runs it."""

import asyncio
import os
import resource
import signal
import socket
import sys
import time
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn

from app import preflight
from app.server.http_protocol import HttpProtocol
from app.server.listener import LISTEN_FD_VARIABLE, listen
from app.server.websocket_protocol import WebSocketProtocol
from app.settings import Settings

DRAIN_SECONDS = 0.5
LAST_ANSWER = (b"connection", b"close")

MAX_FRAME = 4 * 1024  # of what a client says on a socket; a longer one closes it with 1009


def serve(settings: Settings) -> None:
    """Runs the API in this very process until SIGTERM or Ctrl-C."""
    preflight.refuse_unsafe(settings, api=True)
    if settings.engine_mode == "production" and settings.postgres_dsn:
        asyncio.run(preflight.keys_exist(settings.postgres_dsn))
    inherited = os.environ.pop(LISTEN_FD_VARIABLE, None)
    listener = socket.socket(fileno=int(inherited)) if inherited else listen(settings.host, settings.port)
    _allow_many_sockets(settings.max_sockets)
    # uvicorn repeats the signal once everything is closed: having been asked to stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt):
        DrainingServer(server_config("app.main:app")).run(sockets=[listener])


def server_config(app: Any, *, goodbye_seconds: int = 8) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=HttpProtocol,
        ws=WebSocketProtocol,
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,  # costs 100 KiB a socket, saves little on frames this short
        ws_ping_interval=20,
        ws_ping_timeout=20,
        access_log=False,
        log_config=None,  # the app logs, in its own way
        server_header=False,
        timeout_graceful_shutdown=goodbye_seconds,
    )


class DrainingServer(uvicorn.Server):
    """Asked to stop, it tells clients for a moment that their connections will be closed, and then closes them.

    Otherwise one that sends its next request on a connection just then would find it dead.
    """

    _stop_at = float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self._stop_at < float("inf"):
            return super().handle_exit(sig, frame)
        self._stop_at = time.monotonic() + DRAIN_SECONDS
        self.config.encoded_headers.append(LAST_ANSWER)
        self.server_state.default_headers = [*self.server_state.default_headers, LAST_ANSWER]

    async def on_tick(self, counter: int) -> bool:
        if time.monotonic() >= self._stop_at:
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)


def _allow_many_sockets(wanted: int) -> None:
    """Raises the soft limit on open files as far as the hard one lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted + 1024
    if hard != resource.RLIM_INFINITY:
        target = min(target, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        with suppress(ValueError, OSError):  # macOS has a second, lower limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
