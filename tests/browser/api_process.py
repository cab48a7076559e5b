"""The API in its own process: tests kill it and start it again at the same address."""

import contextlib
import signal
import subprocess
from pathlib import Path

import httpx

from app.local.watchdog import Stage, Watchdog
from tests.acceptance.stack import ENGINE, environment, eventually, free_port
from tests.no_tls import NO_TLS


class ApiProcess:
    def __init__(self, home: Path, postgres_dsn: str, redis_dsn: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = environment(home, DATABASE_URL=postgres_dsn, REDIS_URL=redis_dsn, PORT=str(port))
        self._watchdog = Watchdog()  # stops the API if the test run is killed
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*ENGINE, "api"],
            cwd="/",
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._watchdog.watch(self._process, signal.SIGTERM, Stage.PROCESSES)
        eventually(self._answers)

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()
        self._watchdog.forget(self._process)

    def close(self) -> None:
        self._watchdog.end()
        if self._process:
            self._process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health/ready", timeout=5, verify=NO_TLS).status_code == 200
        return False
