"""The commands that containers run, each as its own process with the servers from the environment."""

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.acceptance.stack import ENGINE, engine, environment, eventually, free_port
from tests.no_tls import NO_TLS


@contextlib.contextmanager
def process(home: Path, command: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen([*ENGINE, command], cwd="/", env=environment(home, **settings))
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def test_migrate_api_and_worker_run_on_configured_servers(tmp_path: Path, postgres_dsn: str, redis_dsn: str) -> None:
    home = tmp_path / "not created"
    port = free_port()
    settings = {"DATABASE_URL": postgres_dsn, "REDIS_URL": redis_dsn, "PORT": str(port)}

    migrated = engine(home, "migrate", DATABASE_URL=postgres_dsn)
    assert migrated.returncode == 0, migrated.stderr

    def healthy() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{port}/health", verify=NO_TLS).status_code == 200
        return False

    with process(home, "api", **settings) as api, process(home, "worker", **settings) as worker:
        eventually(healthy)
        assert worker.poll() is None
        for running in (api, worker):
            running.send_signal(signal.SIGTERM)
            assert running.wait(15) in (0, -signal.SIGTERM)
    assert not home.exists()
