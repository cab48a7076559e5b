"""The start limit: at most `QUEUE_MAX_PER_MIN` orders start in any 60 s, all workers together.

A start is an order's move from `pending` to `routing`, retries included. It needs a grant, which `take.lua` gives while
it takes the order from the queue. Invariants:

- Grants are counted in a sliding window on Redis's clock, so the clocks of workers do not matter.
- The window is longer than a minute: the start is recorded in Postgres some time after the grant, and no 60 s of
  recorded starts may hold more than the limit.
- A grant that started nothing is given back by `finish.lua`.
- After Redis has lost its data no start is granted until `prime.lua` has restored the window from Postgres.
"""

from dataclasses import dataclass

WINDOW_MS = 61_000  # a minute, and the longest a busy machine takes from a grant to the recorded start


@dataclass(frozen=True, slots=True)
class StartLimit:
    starts: int  # in one window; 0: no limit
    window_ms: int = WINDOW_MS  # tests take a shorter one
