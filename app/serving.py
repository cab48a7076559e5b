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

from app import production
from app.heads import PatientUntil, PlainRefusals
from app.settings import Settings, SettingsError

# Set by `engine up`, which holds the listening socket: while a dead API is being replaced, callers wait
# in its queue instead of being refused.
INHERITED = "ENGINE_LISTEN_FD"

DRAIN_SECONDS = 0.5
LAST_ANSWER = (b"connection", b"close")

MOST_FRAME = 4 * 1024  # of what a client says on a socket; a longer one closes it with 1009
UNREAD_MS = 30_000  # a client that takes nothing of what it was sent for this long is gone, however it may ping


def listen(host: str, port: int) -> socket.socket:
    """The socket for this address; one sentence if it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError:
        raise SettingsError(f"HOST: {host} is not an address of this machine.") from None
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # inherited by every connection; Linux only
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SettingsError(f"PORT: cannot listen on {host}:{port} ({error.strerror}); choose another.") from None
    return listener


def serve(settings: Settings) -> None:
    """Runs the API in this very process until SIGTERM or Ctrl-C."""
    production.refuse_unsafe(settings, api=True)
    if settings.engine_mode == "production" and settings.postgres_dsn:
        asyncio.run(production.keys_exist(settings.postgres_dsn))
    inherited = os.environ.pop(INHERITED, None)
    listener = socket.socket(fileno=int(inherited)) if inherited else listen(settings.host, settings.port)
    _allow_many_sockets(settings.max_sockets)
    # uvicorn repeats the signal once everything is closed: having been asked to stop is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt):
        DrainingServer(how_to_serve("app.main:app")).run(sockets=[listener])


def how_to_serve(app: Any, *, goodbye_seconds: int = 8) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=PatientUntil,
        ws=PlainRefusals,
        ws_max_size=MOST_FRAME,
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
