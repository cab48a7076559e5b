"""Processor time and memory of processes, as the kernel counts them."""

import os
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
USER, SYSTEM, USER_OF_ENDED, SYSTEM_OF_ENDED = 11, 12, 13, 14  # in /proc/PID/stat, behind the name


def cpu(*pids: int) -> float:
    """Processor seconds used by these processes and all their descendants, including ended ones."""
    return sum(_ticks(pid) for pid in tree(*pids)) / TICKS


def tree(*pids: int) -> set[int]:
    """These processes and all their descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, new = set(pids), list(pids)
    while new:
        new = [child for pid in new for child in children.get(pid, ()) if child not in found]
        found.update(new)
    return found


def memory_mib(pid: int, what: str = "VmRSS") -> float:
    """`VmRSS` is the current resident size, `VmHWM` the largest so far."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc has no {what} for {pid}")


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return sum(int(fields[n]) for n in (USER, SYSTEM, USER_OF_ENDED, SYSTEM_OF_ENDED)) if fields else 0


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
