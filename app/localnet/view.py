"""The chain as one node of it sees it: some blocks behind, with or without its history."""

from collections.abc import Sequence

from app.localnet.faults import Draws, Faults
from app.localnet.validator import Balances, Landed, Loaded, Validator

DEPTHS = {"processed": 0, "confirmed": 1, "finalized": 32}
"""Blocks on top of a block until it has a commitment."""


class Node:
    """One RPC provider: it has faults of its own, and remembers blocks that no other node kept."""

    def __init__(self, validator: Validator, faults: Faults, *, seed: int = 1) -> None:
        self.validator = validator
        self.faults = faults
        self.happens = Draws(seed)
        self.dropped: dict[str, Landed] = {}  # `processed` once, in a block of a fork that died

    def view(self) -> "View":
        behind = self.faults.lag if self.faults.lag_share >= 1 or self.happens(self.faults.lag_share) else 0
        return View(self, self.validator.clock.height - behind)


class View:
    """What it answers one call from."""

    def __init__(self, node: Node, height: int) -> None:
        self.validator = node.validator
        self._node = node
        self._height = height

    def height(self, commitment: str) -> int:
        return self._height - DEPTHS[commitment]

    @property
    def first_height(self) -> int:
        return self._node.faults.first_height

    @property
    def usual_price(self) -> int:
        return self._node.faults.usual_price

    def recent_heights(self, count: int) -> range:
        return range(self._height - count + 1, self._height + 1)

    def level(self, height: int) -> str:
        """The commitment of a block at a height."""
        return [name for name, depth in DEPTHS.items() if height <= self._height - depth][-1]

    def transaction(self, signature: str) -> Landed | None:
        if (dropped := self._node.dropped.get(signature)) is not None and self.level(dropped.height) == "processed":
            return dropped
        found = self.validator.landed.get(signature)
        return found if found is not None and self._sees(found) else None

    def transactions(self) -> Sequence[Landed]:
        """Oldest first."""
        return [one for one in self.validator.landed.values() if self._sees(one)]

    def send(self, raw: bytes, signature: str) -> None:
        """Into a block, unless a fault prevents it. The sender is told the same in each case."""
        if self._node.happens(self._node.faults.swallow):
            return
        if self._node.happens(self._node.faults.fork):
            self._node.dropped.setdefault(signature, self._phantom(raw, signature))
            return
        self.validator.submit(raw)

    def _phantom(self, raw: bytes, signature: str) -> Landed:
        nothing = Balances((), {})
        return Landed(
            signature, raw, self.validator.clock.height, None, 5_000, 0, (), (), Loaded(), (), nothing, nothing
        )

    def _sees(self, landed: Landed) -> bool:
        return not self._node.faults.forgets and self.first_height <= landed.height <= self._height
