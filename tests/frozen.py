"""Freezes a server with all its processes, as if its machine were cut off."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """This process and all that it has started are frozen, the parent first."""
    stopped = []
    try:
        for one in _family(pid):
            os.kill(one, signal.SIGSTOP)
            stopped.append(one)
        yield
    finally:
        for one in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGCONT)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))
