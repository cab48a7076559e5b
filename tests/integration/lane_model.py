"""The lanes in plain Python, as slow and simple as possible."""

from collections.abc import Mapping

from app.orders.queue.lanes import Lane, lane_in

SLOTS = [
    Lane.STOPS,
    Lane.MARKET,
    None,
    Lane.MARKET,
    Lane.LIMITS,
    Lane.MARKET,
    None,
    Lane.MARKET,
    Lane.SLICES,
    Lane.MARKET,
]


class LaneModel:
    def __init__(self) -> None:
        self._entries: dict[str, float] = {}  # by how long they have been due
        self._turns: dict[tuple[Lane, bytes], int] = {}
        self._slot = 0

    def waiting(self, lane: Lane | None = None) -> list[str]:
        return [entry for entry in self._entries if lane in (None, lane_in(entry))]

    def add(self, entries: Mapping[str, float]) -> None:
        for entry, age in entries.items():
            lane = lane_in(entry)
            self._entries[entry] = max(age, self._entries.get(entry, age))
            before = [turn for (of, _), turn in self._turns.items() if of is lane]
            self._turns.setdefault((lane, _owner(entry)), min(before, default=0) + 1)

    def remove(self, entry: str) -> None:
        del self._entries[entry]
        self._forget_owner(entry)

    def take(self, want: int) -> list[str]:
        taken: list[str] = []
        kept = (
            self._slot if set(map(lane_in, self._entries)) <= {Lane.MARKET} else None
        )  # slots count while they matter
        while self._entries and len(taken) < want:
            slot = SLOTS[self._slot]
            lane = slot if slot and self.waiting(slot) else next(lane for lane in Lane if self.waiting(lane))
            owner = min((turn, owner) for (of, owner), turn in self._turns.items() if of is lane)[1]
            theirs = [entry for entry in self.waiting(lane) if _owner(entry) == owner]
            entry = max(theirs, key=lambda one: self._entries[one])
            self._turns[lane, owner] += 1
            self.remove(entry)
            self._slot = (self._slot + 1) % len(SLOTS)
            taken.append(entry)
        self._slot = self._slot if kept is None else kept
        return taken

    def _forget_owner(self, entry: str) -> None:
        lane, owner = lane_in(entry), _owner(entry)
        if not any(_owner(other) == owner for other in self.waiting(lane)):
            del self._turns[lane, owner]


def _owner(entry: str) -> bytes:
    return entry[39:].encode()
