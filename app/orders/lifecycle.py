"""The statuses of an order and its legal moves, as data. The database enforces the same table (see the migrations).

open ─► pending ─► routing ─► building ─► submitted ─► confirmed
 ▲         ▲          │           │           │
 │         └──────────┴───────────┴───────────┘  back to pending: the attempt failed and attempts are left,
 │                    │           │           │  or the worker was lost before submitting
 └────────────────────┴───────────┴───────────┘  back to open: the order has a condition, and the price was lost

each of the five ─► failed | expired         open | pending | routing | building ─► cancelled
open ─► completed: all slices have ended     submitted ─► cancelled: a cancel was requested, and the swap is dead
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    OPEN = "open"  # accepted and durable; waits for its condition. A watcher fires it
    PENDING = "pending"  # durable and due; waits for its start. A worker takes it from the queue
    ROUTING = "routing"  # a worker owns it and asks the venues. If the worker is lost, the sweeper takes it back
    BUILDING = "building"  # the venue is chosen, the swap is being built. If the worker is lost, as above
    SUBMITTED = "submitted"  # the signed swap is recorded and may be on the chain. The chain decides; any worker asks
    CONFIRMED = "confirmed"  # filled, exactly once
    FAILED = "failed"  # will never be filled
    CANCELLED = "cancelled"  # withdrawn: nothing was sent, or what was sent is proven dead
    EXPIRED = "expired"  # its time ran out before it was filled
    COMPLETED = "completed"  # every slice of it has ended, and at least one was filled


_ENDS = {Status.FAILED, Status.CANCELLED, Status.EXPIRED}

MOVES: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.OPEN: frozenset({Status.PENDING, Status.COMPLETED, *_ENDS}),
        Status.PENDING: frozenset({Status.ROUTING, Status.OPEN, *_ENDS}),
        Status.ROUTING: frozenset({Status.BUILDING, Status.PENDING, Status.OPEN, *_ENDS}),
        Status.BUILDING: frozenset({Status.SUBMITTED, Status.PENDING, Status.OPEN, *_ENDS}),
        Status.SUBMITTED: frozenset({Status.CONFIRMED, Status.PENDING, Status.OPEN, *_ENDS}),
        Status.CONFIRMED: frozenset(),
        Status.FAILED: frozenset(),
        Status.CANCELLED: frozenset(),
        Status.EXPIRED: frozenset(),
        Status.COMPLETED: frozenset(),
    }
)
# A statement may make two moves at once and log both. So the row passes through `building` without being seen in it.
AT_ONCE = (Status.ROUTING, Status.SUBMITTED)

TERMINAL = frozenset(status for status, onward in MOVES.items() if not onward)
UNFINISHED = frozenset(MOVES) - TERMINAL
# The queue and the workers are responsible for these: they count towards capacity, and the sweeper looks after them.
UNDER_WAY = frozenset({Status.PENDING, Status.ROUTING, Status.BUILDING, Status.SUBMITTED})
QUEUED = frozenset({Status.PENDING, Status.SUBMITTED})  # in the queue while no worker owns them
IN_ATTEMPT = UNDER_WAY - QUEUED  # a worker must own them; nothing was sent yet
CANCELLABLE = frozenset({Status.OPEN, Status.PENDING, *IN_ATTEMPT})  # at once: nothing was sent

WORKER_LOST = "worker_lost"  # code of a return to pending that ends no attempt: the worker died, the trade did not fail
HALTED = "halted"  # code of the same return, because the kill switch was set
NO_ATTEMPT = frozenset({WORKER_LOST, HALTED})  # codes of returns to pending that end no attempt
EXPIRED = "expired"  # code of an order that was not started in time
CANCELLED_BY_OWNER = "owner"  # code of a cancel that the owner asked for
REARMED = "rearmed"  # code of a return to open
SIBLING_FILLED = "sibling_filled"  # code of a cancel: another order of its group was filled
PARENT_ENDED = "parent_ended"  # code of a cancel: the order that it is a slice of has ended
DEAD_MAN = "dead_man"  # code of a cancel: the owner did not renew the dead man's switch
NO_SLICE_FILLED = "no_slice_filled"  # code of an order whose slices all failed
ENTERED = "entered"  # code of an event of an open order: the entry of its group was filled, and it waits from now on
LAUNCHED = "launched"  # code of an event of an open sniper: its token is traded, and it waits for its price
AMENDED = "amended"  # code of an event of an open order that stays open


def sql_list(statuses: Iterable[str]) -> str:
    """For `status IN (…)`: sorted, so that a statement's condition is that of the partial index, letter for letter."""
    return ", ".join(f"'{status}'" for status in sorted(statuses))
