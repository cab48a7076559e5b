"""The clock of Redis, as a process expects it from its own monotonic clock, and never later than it is.

A clock that is later has jumped forward, or the request took long: see `clock.lua`.
"""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class RedisClock:
    epoch: str = ""  # of Redis's clock: it was not set back since this began
    _offset: float = -math.inf  # between the monotonic clock and Redis's, both in ms

    def expected(self, moment: float) -> int:
        """The time that Redis has at this moment of the monotonic clock, or will have had; 0: not known."""
        return max(0, int(moment * 1000 + self._offset)) if self.epoch else 0

    def read(self, time_ms: int, epoch: str, *, sent: float, received: float) -> None:
        """An answer to a request that was sent and received at these moments; Redis had this time in between."""
        if epoch != self.epoch:
            self.epoch, self._offset = epoch, -math.inf
        # The difference lies between these two. The more answers, the less time on the way is in it.
        self._offset = min(max(self._offset, time_ms - received * 1000), time_ms - sent * 1000)
