"""What processes cost, as the kernel counts it."""

import os
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
USER, SYSTEM, USER_OF_DEAD, SYSTEM_OF_DEAD = 11, 12, 13, 14  # in /proc/PID/stat, behind the name


def cpu(*pids: int) -> float:
    """Seconds of processor that these processes and all below them have used, those that have ended included."""
    return sum(_ticks(pid) for pid in tree(*pids)) / TICKS


def tree(*pids: int) -> set[int]:
    """These processes and all below them."""
    below: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            below.setdefault(int(fields[1]), []).append(int(entry.name))
    found, new = set(pids), list(pids)
    while new:
        new = [child for pid in new for child in below.get(pid, ()) if child not in found]
        found.update(new)
    return found


def memory_mib(pid: int, what: str = "VmRSS") -> float:
    """`VmRSS`, what it holds; `VmHWM`, the most it ever held."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc tells no {what} of {pid}")


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return sum(int(fields[n]) for n in (USER, SYSTEM, USER_OF_DEAD, SYSTEM_OF_DEAD)) if fields else 0


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
