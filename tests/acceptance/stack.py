"""A whole engine as a user runs it: `engine up` in its own process."""

import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
from typer.testing import CliRunner

from app.cli import main
from app.local import state
from app.local.watchdog import Stage, Watchdog, alive
from tests.no_tls import NO_TLS

ENGINE = (sys.executable, "-P", "-m", "app.cli")

CLONE = Path(__file__).resolve().parents[2]

# Settings of the developer must not reach the engine under test. It runs in another directory, so no .env is read.
SETTINGS = (
    "DATABASE_URL",
    "DB_",
    "REDIS_",
    "MOCK_",
    "QUEUE_",
    "API_",
    "ENGINE_",
    "HOST",
    "PORT",
    "PUBLIC_URL",
)


Result = TypeVar("Result")


def commands(document: str) -> list[str]:
    """The shell blocks of a document of the repository."""
    return re.findall(r"^```sh\n(.*?)^```$", (CLONE / document).read_text(), re.DOTALL | re.MULTILINE)


def eventually(check: Callable[[], Result], *, within: float = 60) -> Result:
    """The first truthy result."""
    began = time.monotonic()
    while not (result := check()):
        waited = time.monotonic() - began
        assert waited < within, f"not within {within} s"
        time.sleep(min(0.1, max(0.02, waited / 4)))  # some checks start a process
    return result


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Our environment with these settings of the engine and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    return inherited | {"ENGINE_HOME": str(home)} | settings


def engine(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that ends without a signal."""
    return subprocess.run(
        [*ENGINE, *arguments],
        cwd="/",
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def in_process(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that starts nothing, in this process: one of its own takes 0.5 s of CPU for its imports."""
    chosen, on_term = environment(home, **settings), signal.getsignal(signal.SIGTERM)
    try:
        # A variable that is None is removed.
        variables = {name: chosen.get(name) for name in {*os.environ, *chosen}}
        ended = CliRunner().invoke(main, arguments, env=variables, catch_exceptions=False)
    finally:  # what a command sets in its process
        signal.signal(signal.SIGTERM, on_term)
        logging.disable(logging.NOTSET)
    return subprocess.CompletedProcess(arguments, ended.exit_code, ended.stdout, ended.stderr)


class Stack:
    """`engine up` in this home. A second `up` is the same engine with the same data."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.settings = {"PORT": str(free_port())} | settings
        self.url = f"http://127.0.0.1:{self.settings['PORT']}"
        self._output = home.parent / f"{home.name}.out"
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog = Watchdog()  # stops the engine even if the test run is killed

    @property
    def output(self) -> str:
        return self._output.read_text()

    def up(self) -> None:
        """Returns when the engine has printed that it is ready."""
        if self._process:
            self._process.wait()
            self._watchdog.forget(self._process)
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*ENGINE, "up"],
                cwd="/",
                env=environment(self.home, **self.settings),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watchdog.watch(self._process, signal.SIGTERM, Stage.PROCESSES)
        eventually(lambda: "The engine is ready" in self.output or self._ended(), within=60)
        assert not self._ended(), self.output

    def status(self) -> dict[str, dict[str, Any]]:
        return state.report(self.home)

    @property
    def postgres(self) -> str:
        running = state.read(self.home)
        assert running
        return running.postgres

    def healthy(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health", timeout=5, verify=NO_TLS).status_code == 200
        return False

    def run(self, command: str) -> str:
        """Runs a command of a document in the repository against this engine and returns its output."""
        done = subprocess.run(
            ["bash", "-euc", command.replace("http://localhost:3000", self.url)],
            cwd=CLONE,
            env=environment(self.home, **self.settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def tree(self) -> set[int]:
        """The pids of the supervisor and of all its descendants."""
        return set(self.commands())

    def commands(self) -> dict[int, str]:
        """The commands of these processes."""
        assert self._process
        listing = ["ps", "-ww", "-axo", "pid=,ppid=,command="]
        lines = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.splitlines()
        rows = [
            (int(pid), int(parent), "".join(command))
            for pid, parent, *command in (line.split(None, 2) for line in lines)
        ]
        found, last = {self._process.pid}, 0
        while len(found) != last:
            last = len(found)
            found |= {pid for pid, parent, _ in rows if parent in found}
        return {pid: command for pid, _, command in rows if pid in found}

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def gone(self, tree: set[int]) -> bool:
        """Whether none of these processes runs any more."""
        self._ended()
        return not any(map(alive, tree))

    def exit_code(self, *, within: float = 15) -> int:
        assert self._process
        return self._process.wait(within)

    def close(self) -> None:
        self._watchdog.end()
        if self._process:
            self._process.wait(30)  # reap it

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None


@contextlib.contextmanager
def running(home: Path, **settings: str) -> Iterator[Stack]:
    stack = Stack(home, **settings)
    try:
        stack.up()
        yield stack
    finally:
        stack.close()
