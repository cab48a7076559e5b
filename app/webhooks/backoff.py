"""When a delivery that failed is tried again: after 5 s, 15 s, 45 s … 12 h, about 15 times in three days."""

import random

FIRST_WAIT, LONGEST_WAIT = 5.0, 12 * 3600.0  # seconds
FACTOR = 3.0
TRIED_FOR_DAYS = 3  # from the first attempt; the last one is at the end


def wait(attempts: int) -> float:
    """Seconds after an attempt that failed, scattered; `attempts`: those before it."""
    return min(FIRST_WAIT * FACTOR ** min(attempts, 20), LONGEST_WAIT) * random.uniform(0.8, 1.2)
