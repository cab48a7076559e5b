"""Stops the child processes when their parent has ended, even by SIGKILL.

Invariants:
- The watchdog is a small process that blocks on a pipe. Only the parent holds the other end.
- When the pipe closes, because the parent is done or was killed, the watchdog stops the children stage by stage.
- An orderly stop closes the same pipe. There is one way to stop, and every stop tests it.
- A child that the watchdog was not informed of is not stopped: `start` informs it, `forget` follows every end.
- On Linux the system itself also ends the children when their parent ends, in case the watchdog was killed with it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any


class Stage(IntEnum):
    """The order of stopping: processes that write to a server stop before it."""

    PROCESSES = 0
    REDIS = 1
    POSTGRES = 2


# Seconds before a stage is killed: 14 in all.
STOP_TIMEOUTS = {Stage.PROCESSES: 9.0, Stage.REDIS: 2.0, Stage.POSTGRES: 3.0}


class Watchdog:
    """The parent's end of the pipe."""

    def __init__(self, *, inherits: Sequence[int] = (), removes: Path | None = None) -> None:
        """`inherits` are file descriptors kept open until the last child has ended, and all that it has started.

        `removes` is a directory that is deleted after that.
        """
        self._inherits, self._removes = tuple(inherits), removes
        self._watched: dict[subprocess.Popen[bytes], tuple[signal.Signals, Stage]] = {}
        self._process = self._start()

    def start(
        self,
        command: Sequence[str | Path],
        stop_with: signal.Signals,
        stage: Stage,
        *,
        at_parents_end: signal.Signals,
        pass_fds: Sequence[int] = (),
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """Starts a child that does not outlive this process, in a session of its own: Ctrl-C does not reach it.

        Call it in the main thread: to Linux, the parent is the thread.
        """
        child = subprocess.Popen(
            command,
            start_new_session=True,
            pass_fds=(*self._inherits, *pass_fds),
            preexec_fn=_request_signal(at_parents_end),
            **options,
        )
        self.watch(child, stop_with, stage)
        return child

    def watch(self, child: subprocess.Popen[bytes], stop_with: signal.Signals, stage: Stage) -> None:
        """From now on this child is stopped when the parent ends."""
        self._watched[child] = (stop_with, stage)
        self._send(f"+ {child.pid} {stop_with:d} {stage:d}")

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        """The child has ended; the system may give its pid to another process."""
        if self._watched.pop(child, None):
            self._send(f"- {child.pid} 0 0")

    def replace_if_dead(self) -> None:
        """Replaces a killed watchdog by one with the same children."""
        if self._process.poll() is not None:
            self._process = self._start()
            for child, (stop_with, stage) in self._watched.items():
                self._send(f"+ {child.pid} {stop_with:d} {stage:d}")

    def end(self) -> None:
        """Stops the children stage by stage. Returns when the last has ended."""
        self.replace_if_dead()
        assert self._process.stdin
        self._process.stdin.close()
        deadline = time.monotonic() + sum(STOP_TIMEOUTS.values()) + 1
        ended = False
        while not ended:
            ended = self._process.poll() is not None
            for child in self._watched:
                child.poll()  # reaps it: the watchdog would wait for a zombie
            if time.monotonic() > deadline:  # somebody has stopped it
                self._process.kill()
            time.sleep(0.01)
        if left := {child.pid: how for child, how in self._watched.items() if child.poll() is None}:
            _stop(left)

    def _start(self) -> subprocess.Popen[bytes]:
        # Run as an isolated file, without the package: it starts in about 15 ms.
        command = [sys.executable, "-I", "-S", __file__, *([str(self._removes)] if self._removes else [])]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
            pass_fds=self._inherits,
            bufsize=0,
        )

    def _send(self, line: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # killed: the next one gets all children again
            self._process.stdin.write(f"{line}\n".encode())


def _request_signal(number: signal.Signals) -> Callable[[], None] | None:
    """What a child calls before its program starts, so that it gets this signal when its parent ends."""
    if sys.platform != "linux":
        return None
    import ctypes  # not at the top: the watchdog has to start fast

    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def request() -> None:
        prctl(1, number)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # it has ended meanwhile, and the signal would not come
            os.kill(os.getpid(), signal.SIGKILL)

    return request


def alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return True
    return state not in (b"Z", b"X")


def _stop(children: Mapping[int, tuple[int, int]]) -> None:
    for stage, timeout in STOP_TIMEOUTS.items():
        pids = [pid for pid, (_, child_stage) in children.items() if child_stage == stage]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, children[pid][0])
        deadline = time.monotonic() + timeout
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.01)
        for pid in filter(alive, pids):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # each child leads its own process group


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    children: dict[int, tuple[int, int]] = {}
    for line in sys.stdin:
        verb, pid, stop_with, stage = line.split()
        if verb == "+":
            children[int(pid)] = (int(stop_with), int(stage))
        else:
            children.pop(int(pid), None)
    _stop(children)
    for directory in sys.argv[1:]:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
