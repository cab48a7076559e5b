"""How many sockets there may be: in this process, and of one owner in it."""

import contextlib
from collections import Counter
from collections.abc import Iterator


class TooManyConnections(Exception):
    """`of_owner`: theirs are too many; otherwise everybody's together."""

    def __init__(self, *, of_owner: bool) -> None:
        super().__init__("too many sockets")
        self.of_owner = of_owner


class ConnectionLimit:
    def __init__(self, *, most: int, most_per_owner: int) -> None:
        self._most = most
        self._most_per_owner = most_per_owner
        self._taken: Counter[str] = Counter()
        self._all = 0

    def check(self, owner: str) -> None:
        """Raises TooManySockets if there is no room for one more."""
        if self._all >= self._most:
            raise TooManyConnections(of_owner=False)
        if self._taken[owner] >= self._most_per_owner:
            raise TooManyConnections(of_owner=True)

    @contextlib.contextmanager
    def taken(self, owner: str) -> Iterator[None]:
        """One slot for as long as the block runs."""
        self.check(owner)
        self._taken[owner] += 1
        self._all += 1
        try:
            yield
        finally:
            self._all -= 1
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]  # owners come and go
