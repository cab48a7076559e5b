"""The data directory of the embedded Postgres: made once, and looked at before and after each start."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from app.local import CannotStart
from app.local.data_home import DataHome
from app.local.run_as import Account
from app.local.watchdog import Stage, Watchdog, alive
from app.settings import Settings

DATABASE = "order_execution_engine"
USER = "engine"
END_SECONDS = 5.0  # for processes to end


def init(programs: Path, data_home: DataHome, data: Path, watchdog: Watchdog) -> None:
    """Creates the cluster and the database.

    The directory gets its name when it is complete, because a start can be killed.
    """
    draft = data.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    data_home.account.own_directory(draft)
    password = draft.with_suffix(".password")
    with data_home.account.create_file(password) as file:
        file.write(data_home.secret.encode())
    options = ["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
    # Rounds of hashing protect a password that can be guessed. This one is random, 192 bits long, and the usual 4,096
    # rounds would cost each connection 7 ms of CPU.
    options += ["--set", "scram_iterations=1"]
    options += [] if data_home.durable else ["--no-sync"]
    try:
        _run([programs / "initdb", "-D", draft, "--pwfile", password, *options], data_home, watchdog)
        _run(
            [programs / "postgres", "--single", "-D", draft, "postgres"],
            data_home,
            watchdog,
            f"CREATE DATABASE {DATABASE}\n",
        )
    finally:
        password.unlink()
    draft.rename(data)


def forget_killed(data: Path, account: Account) -> None:
    """A killed Postgres that no parent has waited for looks alive to the next one, which then refuses to start. So does
    another process that has its pid by now, as after a crash of the machine or in a container that was started again.

    The next one ignores its own parent: with our pid in the file it checks only whether the shared memory is in use.
    """
    file = data / "postmaster.pid"
    if file.exists() and not _main_process_runs(data):
        rest = file.read_text().partition("\n")[2]
        draft = file.with_suffix(".new")
        with account.create_file(draft) as output:
            output.write(f"{os.getpid()}\n{rest}".encode())
        draft.replace(file)


def end_orphans(data: Path) -> None:
    """Ends what is left of a Postgres whose main process was killed, on Linux. A next one does not start before, and a
    process that computes, or is stopped, would not notice for as long as it does.
    """
    left = [pid for pid in _pids() if _is_child(pid) and _works_in(data, pid) and not _works_in(data, _parent(pid))]
    for pid in left:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + END_SECONDS
    while any(map(alive, left)) and time.monotonic() < deadline:
        time.sleep(0.01)


def _pids() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return []


def _is_child(pid: int) -> bool:
    """A process that a main process of Postgres has started says what it is in place of its command."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: ")
    return False


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2].split()[1])
    return pid  # it has ended


def _works_in(data: Path, pid: int) -> bool:
    """False also if nobody may tell: of a process of another account, or in a container that may not look at it."""
    with contextlib.suppress(OSError):
        return data.samefile(f"/proc/{pid}/cwd")
    return False


def _main_process_runs(data: Path) -> bool:
    """True also of one that runs without others, for an administrator."""
    with contextlib.suppress(OSError):
        pid = (data / "postmaster.pid").read_text().partition("\n")[0]
        return not pid.isdecimal() or (alive(int(pid)) and _runs_in(data, int(pid)))
    return False


def _runs_in(data: Path, pid: int) -> bool:
    """Whether it is a Postgres with this data, which is where it runs. True also if nobody can tell: without /proc."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except OSError:
        return True


def _run(command: Sequence[str | Path], data_home: DataHome, watchdog: Watchdog, stdin: str = "") -> None:
    process = watchdog.start(
        command,
        signal.SIGKILL,
        Stage.POSTGRES,
        at_parents_end=signal.SIGKILL,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env=environment(),
        **data_home.account.popen_options,
    )
    stdout, stderr = process.communicate(stdin.encode())
    watchdog.forget(process)
    if process.returncode != 0:
        output = (stderr or stdout).decode(errors="replace").splitlines() or ["no output"]
        reason = next((line for line in output if re.search(r"\b(PANIC|FATAL|error):", line)), output[-1])
        raise CannotStart(f"Postgres could not be set up in {data_home.data}: {reason.strip()}.")


def is_stopping(data: Path) -> bool:
    with contextlib.suppress(OSError):
        return (data / "postmaster.pid").read_text().rstrip().endswith("\nstopping")
    return False


def environment() -> dict[str, str]:
    """Our environment without the variables that change the servers: PGPORT, PGDATA, the locale. And without our own
    settings: of the servers, which may run as `nobody`, others may read it, and one may be the key of a wallet.
    """
    own = {name.upper() for name in Settings.model_fields}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG", "ENGINE_")) and name.upper() not in own
    }
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
