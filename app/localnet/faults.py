"""What the local node can be told to do wrong, or to say. Everything is off by default."""

from dataclasses import dataclass, fields
from random import Random
from typing import Any


@dataclass(slots=True)
class Faults:
    swallow: float = 0.0  # share of sends that are answered and never reach a block
    fork: float = 0.0  # share of sends that are `processed` for a moment, in a block that is then dropped
    mute: float = 0.0  # share of calls that are carried out and not answered
    busy: float = 0.0  # share of calls that are refused with 429
    lag: int = 0  # blocks that this node is behind
    lag_share: float = 1.0  # share of calls that a node behind answers: a load balancer has nodes of both kinds
    forgets: bool = False  # it knows no transaction, and says nothing of it
    first_height: int = 0  # the first block that it still has
    usual_price: int = 0  # what others pay for a unit of compute, in millionths of a lamport

    def set(self, values: dict[str, Any]) -> None:
        """`ValueError` for a name or a value that it does not have."""
        kinds = {field.name: type(getattr(self, field.name)) for field in fields(self)}
        if unknown := values.keys() - kinds.keys():
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        for name, value in values.items():
            setattr(self, name, kinds[name](value))


class Draws:
    """Whether a fault happens this time."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def __call__(self, share: float) -> bool:
        return share > 0 and self._random.random() < share
