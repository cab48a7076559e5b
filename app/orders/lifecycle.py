"""What an order can be, and the only moves it can make. The database holds the same table (see `schema.py`).

pending ─► routing ─► building ─► submitted ─► confirmed
   ▲          │           │           │
   └──────────┴───────────┴───────────┘  back to pending: the attempt failed and tries are left,
                                         or the worker was lost before submitting
any of the four ─► failed                pending | routing | building ─► cancelled
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    PENDING = "pending"  # accepted and durable; waits for its start
    ROUTING = "routing"  # a worker owns it and asks the venues
    BUILDING = "building"  # the venue is chosen, the swap is being made
    SUBMITTED = "submitted"  # the signed swap is on record and may be on the chain
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
ALIVE = frozenset(MOVES) - TERMINAL
CANCELLABLE = frozenset(status for status, onward in MOVES.items() if Status.CANCELLED in onward)

WORKER_LOST = "worker_lost"  # code of a return to pending that ends no attempt: the worker died, not the trade
EXPIRED = "expired"  # code of an order that was not started in time
