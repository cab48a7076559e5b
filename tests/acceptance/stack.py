"""A whole engine as a user runs it: `engine up` in a process of its own."""

import contextlib
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

from app.local import state
from app.local.watchdog import Stage, Watchdog, alive

ENGINE = (sys.executable, "-P", "-m", "app.cli")

CLONE = Path(__file__).resolve().parents[2]

# What a developer may have set must not reach the engine under test; nor must a .env, so it runs elsewhere.
FOREIGN = (
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


Answer = TypeVar("Answer")


def steps(document: str) -> list[str]:
    """The commands that a document of the clone tells its reader to type."""
    return re.findall(r"^```sh\n(.*?)^```$", (CLONE / document).read_text(), re.DOTALL | re.MULTILINE)


def eventually(ask: Callable[[], Answer], *, within: float = 20) -> Answer:
    """The first truthy answer."""
    deadline = time.monotonic() + within
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(0.02)
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Ours, with these settings of the engine and no others."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return ours | {"ENGINE_HOME": str(home)} | settings


def engine(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that ends by itself."""
    return subprocess.run(
        [*ENGINE, *arguments],
        cwd="/",
        env=environment(home, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


class Stack:
    """`engine up` in this home; started again, it is the same engine with the same data."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.settings = {"PORT": str(free_port())} | settings
        self.url = f"http://127.0.0.1:{self.settings['PORT']}"
        self._output = home.parent / f"{home.name}.out"
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = Watchdog()  # a killed test run leaves no engine behind

    @property
    def output(self) -> str:
        return self._output.read_text()

    def up(self) -> None:
        """Returns when it says that it is ready."""
        if self._process:
            self._process.wait()
            self._guard.forget(self._process)
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*ENGINE, "up"],
                cwd="/",
                env=environment(self.home, **self.settings),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard.watch(self._process, signal.SIGTERM, Stage.PROCESSES)
        eventually(lambda: "Ctrl-C stops everything" in self.output or self._ended())
        assert not self._ended(), self.output

    def status(self) -> dict[str, dict[str, Any]]:
        return state.report(self.home)

    def healthy(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        return False

    def shown(self, step: str) -> str:
        """What somebody sees who types a step of a document in the clone, this engine running."""
        ran = subprocess.run(
            ["bash", "-euc", step.replace("http://localhost:3000", self.url)],
            cwd=CLONE,
            env=environment(self.home, **self.settings),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == 0, f"{step}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def tree(self) -> set[int]:
        """The supervisor and everything below it."""
        assert self._process
        listed = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = [tuple(map(int, line.split())) for line in listed.splitlines()]
        found, last = {self._process.pid}, 0
        while len(found) != last:
            last = len(found)
            found |= {pid for pid, parent in parents if parent in found}
        return found

    def signal(self, number: signal.Signals) -> None:
        assert self._process
        self._process.send_signal(number)

    def gone(self, tree: set[int]) -> bool:
        """Whether nothing of what ran is left."""
        self._ended()
        return not any(map(alive, tree))

    def exit_code(self, *, within: float = 15) -> int:
        assert self._process
        return self._process.wait(within)

    def close(self) -> None:
        self._guard.end()
        if self._process:
            self._process.wait(30)  # it is gone; Python wants to have seen that

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
