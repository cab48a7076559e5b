"""Ends the children when their parent is gone, however it went.

The guard is a small process of its own, blocked on a pipe whose other end only the parent holds. When the
pipe closes, because the parent is done or because it was killed, the guard ends the children stage by stage.
An ordered stop is the same thing asked for politely, so there is one way to stop and it is used every day.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path


class Stage(IntEnum):
    """Who ends when: those that write to a server go before it."""

    PROCESSES = 0
    REDIS = 1
    POSTGRES = 2


# Seconds a stage may take to end by itself before it is killed: 14 in all.
PATIENCE = {Stage.PROCESSES: 9.0, Stage.REDIS: 2.0, Stage.POSTGRES: 3.0}


class Watchdog:
    """The parent's end of the pipe."""

    def __init__(self, *, inherits: Sequence[int] = (), removes: Path | None = None) -> None:
        """`inherits`: open files held until the last child is gone; `removes`: a directory that goes last."""
        self._inherits, self._removes = tuple(inherits), removes
        self._watched: dict[subprocess.Popen[bytes], tuple[signal.Signals, Stage]] = {}
        self._process = self._start()

    def watch(self, child: subprocess.Popen[bytes], stop_with: signal.Signals, stage: Stage) -> None:
        """From now on this child does not outlive the parent."""
        self._watched[child] = (stop_with, stage)
        self._tell(f"+ {child.pid} {stop_with:d} {stage:d}")

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        """The child is gone; its number may soon be somebody else's."""
        if self._watched.pop(child, None):
            self._tell(f"- {child.pid} 0 0")

    def replace_if_dead(self) -> None:
        """A guard that was killed is followed by one that knows the same children."""
        if self._process.poll() is not None:
            self._process = self._start()
            for child, (stop_with, stage) in self._watched.items():
                self._tell(f"+ {child.pid} {stop_with:d} {stage:d}")

    def end(self) -> None:
        """Ends the children in their order and returns when the last is gone."""
        self.replace_if_dead()
        assert self._process.stdin
        self._process.stdin.close()
        while self._process.poll() is None:
            for child in self._watched:
                child.poll()  # collects it: the guard would wait for a zombie
            time.sleep(0.01)

    def _start(self) -> subprocess.Popen[bytes]:
        # Run as a file, isolated: it starts in some 15 ms and needs nothing of the package.
        command = [sys.executable, "-I", "-S", __file__, *([str(self._removes)] if self._removes else [])]
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            cwd="/",
            start_new_session=True,
            pass_fds=self._inherits,
            bufsize=0,
        )

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # killed: its successor will be told
            self._process.stdin.write(f"{line}\n".encode())


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not collected by its parent does not."""
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


def _end(children: dict[int, tuple[int, int]]) -> None:
    for stage, patience in PATIENCE.items():
        pids = [pid for pid, (_, its_stage) in children.items() if its_stage == stage]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, children[pid][0])
        deadline = time.monotonic() + patience
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.01)
        for pid in filter(alive, pids):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # each child leads its own group


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
    _end(children)
    for directory in sys.argv[1:]:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
