"""Samples of the past, for charts: one every ten seconds, taken by whichever process is first.

The times are multiples of ten seconds on the clock of Postgres, and the primary key of each table makes a sample of one
time unique.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from app.postgres.errors import DatabaseUnavailable

SECONDS = 10
TIME_OF = f"date_bin('{SECONDS} seconds', now, 'epoch')"
REST_OF = f"({SECONDS} - extract(epoch FROM now - {TIME_OF}))::float8"  # seconds until the next time


async def sample_forever(sample: Callable[[], Awaitable[float]], may_run: Callable[[], bool]) -> None:
    """`sample` takes what is missing of this time, and says how many seconds remain of it."""
    while True:
        rest = float(SECONDS)
        with contextlib.suppress(DatabaseUnavailable):  # which leaves a gap; other tasks log it
            rest = await sample() if may_run() else rest
        await asyncio.sleep(rest + random.random())  # or all processes would find at once that none has taken it
