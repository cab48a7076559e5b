"""Machines that are smaller than this one: processes that share a part of a core, by the kernel's control groups."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.bench.processes import cpu, tree
from tests.bench.rows import InvalidRun

GROUPS = Path("/sys/fs/cgroup/cpu")  # version 1
PERIOD_US = 20_000


class Machine:
    def __init__(self, group: Path) -> None:
        self._group = group
        self._pids: tuple[int, ...] = ()

    def run(self, *pids: int) -> None:
        """These processes, and all that they have started and will start."""
        self._pids += pids
        for pid in tree(*pids):
            with contextlib.suppress(ProcessLookupError):
                (self._group / "cgroup.procs").write_text(str(pid))

    def seconds(self) -> float:
        """Processor time that its processes have used."""
        return cpu(*self._pids)


@contextlib.contextmanager
def machines(share: float, count: int = 1) -> Iterator[list[Machine]]:
    """Each has this part of a core. At the end their processes run without a limit."""
    if not os.access(GROUPS, os.W_OK) or not (GROUPS / "cpu.cfs_quota_us").exists():
        raise InvalidRun(f"it needs root, and control groups of version 1 at {GROUPS}")
    made: list[Path] = []
    try:
        for number in range(count):
            made.append(group := GROUPS / f"engine-bench-{os.getpid()}-{id(made)}-{number}")
            group.mkdir()
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(round(share * PERIOD_US)))
        yield [Machine(group) for group in made]
    finally:
        for group in made:
            for pid in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    (GROUPS / "cgroup.procs").write_text(pid)
            group.rmdir()
