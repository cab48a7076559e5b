"""The API or the worker as `engine up` sees it: a process that is started again whenever it stops."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

from app.local.watchdog import Stage, Watchdog

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
STEADY_AFTER = 10.0  # seconds; a process that lived this long starts again at once


class Service:
    def __init__(
        self, name: str, guard: Watchdog, environment: Mapping[str, str], inherits: Sequence[int] = ()
    ) -> None:
        self.name = name
        self._guard, self._environment, self._inherits = guard, environment, tuple(inherits)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._due = 0.0
        self._pause = FIRST_PAUSE
        self.refused = False  # it ended by itself and with an error: starting it again may not help

    @property
    def pid(self) -> int | None:
        """The process's own number; None while it is down."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        # -P: a directory called `app` where we happen to stand is not ours.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "app.cli", self.name],
            env=os.environ | self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=self._inherits,
            start_new_session=True,
        )
        self._guard.watch(self._process, signal.SIGTERM, Stage.PROCESSES)
        self._started = time.monotonic()
        assert self._process.stdout
        self._reader = threading.Thread(target=self._relay, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def death(self) -> str | None:
        """How it ended, told once; None while there is nothing to tell."""
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self._reader.join(1)  # its last lines come before the news of its death
        self._guard.forget(self._process)
        self._process = None
        self.refused = code > 0
        lived = time.monotonic() - self._started
        self._pause = FIRST_PAUSE if lived > STEADY_AFTER else min(self._pause * 2, LONGEST_PAUSE)
        self._due = time.monotonic() + self._pause
        return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    @property
    def due(self) -> bool:
        """Down, and the pause after its death is over."""
        return self._process is None and time.monotonic() >= self._due

    def end(self, patience: float) -> None:
        """Ends it now: a newer version of it is waiting."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._guard.forget(self._process)
        self._process = None

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    def _relay(self, output: IO[bytes]) -> None:
        """Its lines under its name; read in any case, or it would block on a full pipe."""
        with output:
            for line in output:
                say(line.decode(errors="replace").rstrip(), self.name)


def say(text: str, name: str = "engine") -> None:
    tell(f"{name:6} | {text}")


def tell(text: str) -> None:
    """Prints, as long as somebody listens: a closed terminal is no reason to stop working."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
