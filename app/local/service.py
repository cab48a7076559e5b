"""A process that `engine up` restarts when it stops: the API, the worker, the watcher or the node of a local chain."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

from app.local.output import print_line
from app.local.watchdog import Stage, Watchdog

MIN_DELAY, MAX_DELAY = 0.1, 1.0  # seconds before a restart; doubled each time
PIPE_BYTES = 2**20  # some seconds of the fastest log, in case this process gets no time
STABLE_AFTER = 10.0  # seconds; a process that ran this long is restarted after MIN_DELAY


class Service:
    def __init__(
        self,
        name: str,
        watchdog: Watchdog,
        environment: Mapping[str, str],
        inherits: Sequence[int] = (),
        command: Sequence[str] = (),
    ) -> None:
        self.name = name
        # -P: Python must not import a directory called `app` from the current directory.
        self._command = command or (sys.executable, "-P", "-m", "app.cli", name)
        self._watchdog, self._environment, self._inherits = watchdog, environment, tuple(inherits)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._restart_at = 0.0
        self._delay = MIN_DELAY
        self.failed = False  # it exited with an error: a restart without a change may not help

    @property
    def pid(self) -> int | None:
        """None while the process is down."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        reads, writes = _pipe()
        try:
            with writes:
                self._process = self._watchdog.start(
                    self._command,
                    signal.SIGTERM,
                    Stage.PROCESSES,
                    # The servers end at the same time, so an orderly stop could not succeed.
                    at_parents_end=signal.SIGKILL,
                    env={**os.environ, "PYTHONUNBUFFERED": "1", **self._environment},
                    stdin=subprocess.DEVNULL,
                    stdout=writes,
                    stderr=subprocess.STDOUT,
                    pass_fds=self._inherits,
                )
        except BaseException:
            reads.close()
            raise
        self._started = time.monotonic()
        reader = threading.Thread(target=self._relay, args=(reads,), daemon=True)
        try:
            reader.start()
        except RuntimeError:  # the machine gives no more threads, and nobody would read what it prints
            self.stop(timeout=0)
            raise
        self._reader = reader

    def poll_exit(self) -> str | None:
        """How the process ended: returned once. None while it runs, or if that was returned before."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self._reader.join(1)  # so that its last lines are printed before its exit is
        self._watchdog.forget(self._process)
        self._process = None
        self.failed = code > 0
        uptime = time.monotonic() - self._started
        self._delay = MIN_DELAY if uptime > STABLE_AFTER else min(self._delay * 2, MAX_DELAY)
        self._restart_at = time.monotonic() + self._delay
        return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    @property
    def restart_due(self) -> bool:
        return self._process is None and time.monotonic() >= self._restart_at

    def stop(self, timeout: float) -> None:
        """SIGTERM; SIGKILL after `timeout` seconds."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._watchdog.forget(self._process)
        self._process = None

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    def _relay(self, output: IO[bytes]) -> None:
        """Prints its output with its name, and always reads: what does not fit into the pipe is lost."""
        with output:
            for line in output:
                print_line(line.decode(errors="replace").rstrip(), self.name)


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    """For what a process prints. While this one is stopped (SIGSTOP) nobody reads: lines are lost, and it goes on."""
    reads, writes = os.pipe()
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # the user has too many pipes
            fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            os.set_blocking(writes, False)
    return open(reads, "rb"), open(writes, "wb")
