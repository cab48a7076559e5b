"""The start limit: at most `QUEUE_MAX_PER_MIN` orders start in any 60 s, all workers together.

A start is an order's move from `pending` to `routing`, retries included. It needs a grant, which `take.lua` gives while
it takes the order from the queue. Why no 60 s of recorded starts can hold more than the limit, whatever freezes:

- Grants are counted in a sliding window of 61.1 s on Redis's clock, so the clocks of workers do not matter.
- A start is recorded at most GRANT_SECONDS after its grant, or not at all. The claim compares Postgres' clock with a
  deadline, in the statement that records the start: a statement that waited in a frozen process, connection or server,
  or for the lock of a row, starts nothing afterwards. So starts within 60 s have grants within 60.9 s. The rest of the
  window is for clocks that run at different rates.
- If Redis's clock jumps forward, grants keep the age that they had (`clock.lua`). A jump of at most 0.1 s
  looks like a slow request; the window is longer by as much.
- The deadline counts from before the grant was requested, on a monotonic clock, and is converted with
  `DatabaseClock`, which is never ahead of Postgres. What is known badly makes the deadline too early: then the order is
  queued again, in its place. If Postgres' clock was set back since it was read, it is before the moment when the claim
  was sent, and the claim starts nothing.
- A grant that started nothing is given back by `finish.lua`, unless the answer to its claim was lost: that claim may
  have started the order.
- A Redis that was flushed, restarted or replaced by its replica may have lost grants. It gives none until `prime.lua`
  has restored the window from Postgres. Before the starts are read there, the grants in hand expire and the claims
  under way end (`worker/sweeper.py`). So Postgres has every start, and its window replaces what Redis still has. Starts
  of before a jump of Postgres' clock look too old by as much, so all count as younger.
"""

from dataclasses import dataclass

WINDOW_MS = 61_100
JUMP_MS = 100  # a shorter jump of Redis's clock is not noticed
GRANT_SECONDS = 0.9  # how long a grant is good for


@dataclass(frozen=True, slots=True)
class StartLimit:
    starts: int  # in one window; 0: no limit
    window_ms: int = WINDOW_MS  # tests take a shorter one
