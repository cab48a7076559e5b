"""The limit on open files of this process: many systems begin with 1,024."""

import resource
from contextlib import suppress


def raise_file_limit(target: int) -> None:
    """Raise the soft limit as far as it is needed and the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        target = min(target, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        with suppress(ValueError, OSError):  # macOS has a second, lower limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
