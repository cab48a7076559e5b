"""Owners take turns: however many orders one has, those of the others come in between."""

from collections.abc import Iterable


class Turns:
    def __init__(self) -> None:
        self._served: set[str] = set()

    def served(self) -> list[str]:
        """Owners to leave out of the next page."""
        return list(self._served)

    def took(self, owners: Iterable[str], *, is_full: bool) -> bool:
        """A page with orders of these was taken. Whether there may be more; after a full page, first of others."""
        if is_full:
            self._served.update(owners)
            return True
        is_next = bool(self._served)
        self._served.clear()
        return is_next
