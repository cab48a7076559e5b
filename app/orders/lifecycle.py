"""The statuses of an order and its legal moves, as data. The database enforces the same table (see `schema.py`).

pending ─► routing ─► building ─► submitted ─► confirmed
   ▲          │           │           │
   └──────────┴───────────┴───────────┘  back to pending: the attempt failed and attempts are left,
                                         or the worker was lost before submitting
any of the four ─► failed                pending | routing | building ─► cancelled
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    PENDING = "pending"  # accepted and durable; waits for its start. A worker takes it from the queue
    ROUTING = "routing"  # a worker owns it and asks the venues. If the worker is lost, the sweeper takes it back
    BUILDING = "building"  # the venue is chosen, the swap is being built. If the worker is lost, as above
    SUBMITTED = "submitted"  # the signed swap is recorded and may be on the chain. The chain decides; any worker asks
    CONFIRMED = "confirmed"  # filled, exactly once
    FAILED = "failed"  # will never be filled
    CANCELLED = "cancelled"  # withdrawn before anything was sent


MOVES: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.PENDING: frozenset({Status.ROUTING, Status.FAILED, Status.CANCELLED}),
        Status.ROUTING: frozenset({Status.BUILDING, Status.PENDING, Status.FAILED, Status.CANCELLED}),
        Status.BUILDING: frozenset({Status.SUBMITTED, Status.PENDING, Status.FAILED, Status.CANCELLED}),
        Status.SUBMITTED: frozenset({Status.CONFIRMED, Status.PENDING, Status.FAILED}),
        Status.CONFIRMED: frozenset(),
        Status.FAILED: frozenset(),
        Status.CANCELLED: frozenset(),
    }
)

TERMINAL = frozenset(status for status, onward in MOVES.items() if not onward)
UNFINISHED = frozenset(MOVES) - TERMINAL
# The queue and the workers are responsible for these: they count towards capacity, and the sweeper looks after them. An
# order that waits for a condition would be unfinished and not under way.
UNDER_WAY = frozenset({Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED})
QUEUED = frozenset({Status.PENDING, Status.SUBMITTED})  # in the queue while no worker owns them
IN_ATTEMPT = UNDER_WAY - QUEUED  # a worker must own them; nothing was sent yet
CANCELLABLE = frozenset(status for status, onward in MOVES.items() if Status.CANCELLED in onward)

WORKER_LOST = "worker_lost"  # code of a return to pending that ends no attempt: the worker died, the trade did not fail
HALTED = "halted"  # code of the same return, because the kill switch was set
NO_ATTEMPT = frozenset({WORKER_LOST, HALTED})  # codes of returns to pending that end no attempt
EXPIRED = "expired"  # code of an order that was not started in time


def sql_list(statuses: Iterable[str]) -> str:
    """For `status IN (…)`: sorted, so that a statement's condition is that of the partial index, letter for letter."""
    return ", ".join(f"'{status}'" for status in sorted(statuses))
