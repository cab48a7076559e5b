"""How a process notices that the machine at the other end of a connection is gone.

Nothing says so: a machine without power, a cut cable and a firewall that forgets connections send no packet at all.
Linux probes an idle connection after two hours, and repeats unanswered data for a quarter of an hour.
A subscription to Redis only listens, so it would stay deaf for as long.
"""

import socket

IDLE_SECONDS = 5
BETWEEN_SECONDS = 5
PROBES = 2
UNANSWERED_MS = 10_000  # the connection ends if data, or a probe, is not acknowledged for so long

_WANTED = {
    "TCP_KEEPIDLE": IDLE_SECONDS,
    "TCP_KEEPINTVL": BETWEEN_SECONDS,
    "TCP_KEEPCNT": PROBES,
    "TCP_USER_TIMEOUT": UNANSWERED_MS,
}
KEEPALIVE: dict[int, int] = {
    getattr(socket, name): value for name, value in _WANTED.items() if hasattr(socket, name)
}  # not all of them exist outside Linux

# The same at the server: a backend whose client is gone keeps one of `max_connections`.
POSTGRES_KEEPALIVE = {
    "tcp_keepalives_idle": str(IDLE_SECONDS),
    "tcp_keepalives_interval": str(BETWEEN_SECONDS),
    "tcp_keepalives_count": str(PROBES),
    "tcp_user_timeout": str(UNANSWERED_MS),
}


def keep_alive(connected: socket.socket) -> None:
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        connected.setsockopt(socket.IPPROTO_TCP, option, value)
