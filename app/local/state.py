"""What runs in an ENGINE_HOME: a lock that says whether, and a file that says what."""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.local import CannotStart
from app.local.watchdog import PATIENCE, alive


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stack that is up; a pid is None while that process is down."""

    supervisor: int
    url: str
    api: int | None
    worker: int | None
    postgres: str
    redis: str


def hold(home: Path) -> int:
    """Takes the lock of this home and returns it as an open file.

    The guard holds it too: after a supervisor was killed, the next waits here until the last child is gone.
    """
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + sum(PATIENCE.values()) + 1
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if running := read(home):
                raise CannotStart(f"already running at {running.url} (pid {running.supervisor}).") from None
            if time.monotonic() > deadline:
                raise CannotStart(f"something else holds {home / 'lock'}.") from None
            time.sleep(0.05)


def write(home: Path, running: Running) -> None:
    draft = home / "state.new"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(asdict(running), file)
    draft.replace(home / "state.json")


def clear(home: Path) -> None:
    (home / "state.json").unlink(missing_ok=True)


def read(home: Path) -> Running | None:
    """The stack that runs in this home, if one does."""
    try:
        running = Running(**json.loads((home / "state.json").read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):  # none, or not one of ours
        return None
    # A supervisor that was killed leaves its file; then its number is free, or another program's.
    return running if alive(running.supervisor) and _held(home) else None


def report(home: Path) -> dict[str, dict[str, Any]]:
    """What `engine status --json` prints."""
    running = read(home)
    return {
        "api": {"pid": running and _if_alive(running.api), "url": running and running.url},
        "worker": {"pid": running and _if_alive(running.worker)},
        "postgres": {"url": running and running.postgres},
        "redis": {"url": running and running.redis},
    }


def _if_alive(pid: int | None) -> int | None:
    return pid if pid and alive(pid) else None


def _held(home: Path) -> bool:
    with (home / "lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
