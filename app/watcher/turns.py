"""Owners take turns: however many orders one has, those of the others come in between."""

from collections.abc import Iterable


class Turns:
    def __init__(self) -> None:
        self._served: set[str] = set()
        self._changed = False  # an order, since all had their turn

    def served(self) -> list[str]:
        """Owners to leave out of the next page."""
        return list(self._served)

    def took(self, owners: Iterable[str], *, is_full: bool, changed: bool) -> bool:
        """A page with orders of these was taken, and some of them were `changed`. Whether there may be more: after a
        full page, first of others. If none was changed in a whole turn, somebody has locked them all: no.
        """
        self._changed |= changed
        if is_full:
            self._served.update(owners)
            return True
        more = bool(self._served) and self._changed
        self._served.clear()
        self._changed = False
        return more
