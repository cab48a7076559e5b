"""The running stack of an ENGINE_HOME. The lock says whether one runs, the state file what it consists of."""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from app.local import CannotStart
from app.local.run_as import Account
from app.local.watchdog import STOP_TIMEOUTS, alive

MAX_PID = 2**22  # of Linux


@dataclass(frozen=True, kw_only=True)
class Running:
    """A stack that is up."""

    supervisor: int  # pid
    url: str  # of the API
    api: int | None  # pid; None while it is down
    worker: int | None  # pid; None while it is down
    watcher: int | None  # pid; None while it is down
    postgres: str  # URL
    redis: str  # URL


def acquire_lock(home: Path) -> int:
    """Locks this home and returns the open lock file.

    The watchdog and all children inherit the lock, and so does what they start: after a supervisor was killed, the next
    one waits here until the last of them has ended. A Postgres whose main process was killed too is one of these: it
    refuses to start before its other processes have ended.
    """
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + sum(STOP_TIMEOUTS.values()) + 1
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if running := read(home):
                raise CannotStart(f"already running at {running.url} (pid {running.supervisor}).") from None
            if time.monotonic() > deadline:
                raise CannotStart(f"a process of an earlier run still holds {home / 'lock'}: end it.") from None
            time.sleep(0.05)


def write(home: Path, running: Running) -> None:
    draft = home / "state.new"
    with Account().create_file(draft) as file:
        file.write(json.dumps(asdict(running)).encode())
    draft.replace(home / "state.json")


def clear(home: Path) -> None:
    (home / "state.json").unlink(missing_ok=True)


def read(home: Path) -> Running | None:
    """The stack that runs in this home; None if there is none."""
    try:
        running = Running(**json.loads((home / "state.json").read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):  # no file, or a file of another version
        return None
    if not all(_fits(getattr(running, field.name), field.type) for field in fields(Running)):
        return None
    # A killed supervisor leaves its file, and its pid may belong to another program: the lock decides.
    return running if alive(running.supervisor) and _is_locked(home) else None


def report(home: Path) -> dict[str, dict[str, Any]]:
    """The output of `engine status --json`."""
    running = read(home)
    return {
        "api": {"pid": running and _if_alive(running.api), "url": running and running.url},
        "worker": {"pid": running and _if_alive(running.worker)},
        "watcher": {"pid": running and _if_alive(running.watcher)},
        "postgres": {"url": running and _without_password(running.postgres)},
        "redis": {"url": running and _without_password(running.redis)},
    }


def _fits(value: object, of: Any) -> bool:
    """Whether it is of this type. A number is a pid, which has to be one."""
    return isinstance(value, of) and (not isinstance(value, int) or 0 < value < MAX_PID)


def _without_password(url: str) -> str:
    """Of an address. Its query may hold one too."""
    address = urlsplit(url)
    login, _, hosts = address.netloc.rpartition("@")
    user = login.partition(":")[0]
    return urlunsplit((address.scheme, f"{user}@{hosts}" if user else hosts, address.path, "", ""))


def _if_alive(pid: int | None) -> int | None:
    return pid if pid and alive(pid) else None


def _is_locked(home: Path) -> bool:
    with (home / "lock").open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
