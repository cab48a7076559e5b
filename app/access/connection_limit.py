"""Limits on open streams (WebSockets and event streams): in this process, and per owner in this process."""

import contextlib
import resource
import sys
from collections import Counter
from collections.abc import Iterator

OWN_FILES = 200  # open files that are not connections of clients: databases, logs, libraries
REQUESTS = 500  # connections that are kept free of streams, for requests


def max_connections() -> int:
    """How many connections of clients the limit on open files allows."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(files - OWN_FILES, files // 2) if files != resource.RLIM_INFINITY else sys.maxsize


def max_streams() -> int:
    return max(max_connections() - REQUESTS, max_connections() // 2)


class TooManyConnections(Exception):
    """`of_owner`: the owner has reached their limit. Otherwise the process has reached its own."""

    def __init__(self, *, of_owner: bool) -> None:
        super().__init__("too many connections")
        self.of_owner = of_owner


class ConnectionLimit:
    def __init__(self, *, max_total: int, max_per_owner: int) -> None:
        self._max_total = max_total
        self._max_per_owner = max_per_owner
        self._of_owner: Counter[str] = Counter()
        self._total = 0

    def check(self, owner: str) -> None:
        """Raises TooManyConnections if one more would exceed a limit."""
        if self._total >= self._max_total:
            raise TooManyConnections(of_owner=False)
        if self._of_owner[owner] >= self._max_per_owner:
            raise TooManyConnections(of_owner=True)

    def open_of(self, owner: str) -> int:
        return self._of_owner.get(owner, 0)

    @contextlib.contextmanager
    def slot(self, owner: str) -> Iterator[None]:
        """Count one connection of this owner while the block runs."""
        self.check(owner)
        self._of_owner[owner] += 1
        self._total += 1
        try:
            yield
        finally:
            self._total -= 1
            self._of_owner[owner] -= 1
            if not self._of_owner[owner]:
                del self._of_owner[owner]  # or the counter would keep every owner forever
