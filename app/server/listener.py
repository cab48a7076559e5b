"""The socket that the API listens on. Imports nothing heavy, because the supervisor needs only this of the server."""

import socket

from app.settings import SettingsError, where_set

# Set by `engine up`, which owns the listening socket. While it replaces an API that died, connections wait in the
# socket's backlog instead of being refused.
LISTEN_FD_VARIABLE = "ENGINE_LISTEN_FD"
UNSENT = 64 * 1024  # bytes that the kernel takes before the client has room for them; the rest waits in the process
UNREAD_MS = 30_000  # a client that acknowledges no data for this long is disconnected, even if it answers pings


def url_of(host: str, port: int) -> str:
    """The address at which this machine reaches what listens there."""
    if host in ("0.0.0.0", "::"):  # every address of this machine  # noqa: S104
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket for this address; SettingsError if there is no such address or the port cannot be bound."""
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
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        sentence = f"PORT: cannot listen on {host}:{port} ({error.strerror})"
        raise SettingsError(f"{sentence}. Set another {where_set()}, such as PORT=3001.") from None
    return listener
