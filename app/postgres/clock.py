"""The clock of Postgres, as a process knows it without asking: never later than it is.

An answer that carries the time at which Postgres wrote it shows that its clock had reached that time when the answer
was read. An answer that is read late makes the known time too early, never too late.
"""

import time
from datetime import datetime

MAX_AGE_SECONDS = 30.0  # of what is known: the rates of two clocks differ, by at most a millisecond in a second
DRIFT_SECONDS = MAX_AGE_SECONDS / 1000


class DatabaseClock:
    def __init__(self) -> None:
        self._offset = float("inf")  # between the monotonic clock of this process and the clock of Postgres
        self._read_at = float("-inf")

    @property
    def is_known(self) -> bool:
        return time.monotonic() - self._read_at < MAX_AGE_SECONDS

    def read(self, at: datetime) -> float:
        """An answer was received that Postgres wrote at this time, or later.

        Returns by how many seconds its clock was set back since the last one, or by how many this one was read later.
        """
        now, before = time.monotonic(), self._offset
        self._read_at, self._offset = now, at.timestamp() - now
        return before - self._offset

    def earliest(self, moment: float) -> float:
        """The earliest time that Postgres can have had at this moment of the monotonic clock."""
        return moment + self._offset

    def now(self) -> float:
        """The earliest time that Postgres can have now: if its clock is before that, it was set back."""
        return self.earliest(time.monotonic()) - DRIFT_SECONDS
