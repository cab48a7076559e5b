"""The supervisor outlives a full disk, and a machine that gives it nothing."""

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from app.local import CannotStart, servers, state
from app.local.data_home import DataHome
from app.local.output import output
from app.local.service import Service
from app.local.supervisor import Supervisor
from app.local.watchdog import Stage, Watchdog
from app.settings import load


class FullDisk:
    """Refuses to write until there is space."""

    def __init__(self) -> None:
        self.full = True
        self.written: list[Any] = []

    def __call__(self, *written: Any) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.written.append(written)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    watchdog = Watchdog()
    made = Supervisor(load(engine_home=tmp_path, _env_file=None), watchdog, socket.socket(), False)
    made._services = [Service(name, watchdog, {}) for name in ("api", "worker", "watcher")]
    made._running = state.Running(
        supervisor=1, url="http://x", api=None, worker=None, watcher=None, postgres="", redis=""
    )
    yield made
    watchdog.end()
    made._listener.close()


def test_the_state_is_written_when_the_disk_has_space_again(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    disk = FullDisk()
    monkeypatch.setattr(state, "write", disk)
    monkeypatch.setattr(Service, "restart_due", False)
    supervisor._write_state()
    supervisor._check()
    output.flush()
    assert capfd.readouterr().out.count("No space left on device") == 1  # said once
    disk.full = False
    supervisor._check()
    supervisor._check()
    assert len(disk.written) == 1


def test_a_server_is_started_again_until_it_can_be(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.local.supervisor.SERVER_DELAY", 0.0)
    disk, log = FullDisk(), tmp_path / "log"
    log.write_text("PANIC: No space left on device")

    def start(again: bool = True) -> servers.Server:
        if again:
            disk()
        process = supervisor._watchdog.start(
            ["sleep", "60" if again else "0"], signal.SIGTERM, Stage.REDIS, at_parents_end=signal.SIGTERM
        )
        return servers.Server(name="Valkey", process=process, log=log, port=1, url="", start_again=start)

    ended = start(again=False)
    ended.process.wait()
    supervisor._servers = [ended]
    for _ in range(5):
        supervisor._restart_servers()
    assert supervisor._servers == [ended]
    disk.full = False
    for _ in range(2):
        supervisor._restart_servers()
    assert supervisor._servers[0].process.poll() is None
    assert len(disk.written) == 1


def test_the_end_of_a_server_whose_log_was_deleted_is_reported(tmp_path: Path) -> None:
    ended = subprocess.Popen(["false"])
    ended.wait()
    server = servers.Server(name="Valkey", process=ended, log=tmp_path / "log", port=1, url="", start_again=server_of)
    assert server.exit_report().startswith("Valkey stopped (exit code 1):")


async def test_a_postgres_that_ends_while_it_is_asked_is_reported(tmp_path: Path) -> None:
    """As on a full disk, which it notices once it takes connections."""

    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    ended = await asyncio.to_thread(subprocess.Popen, ["false"])
    await asyncio.to_thread(ended.wait)
    async with await asyncio.start_server(end, servers.LOOPBACK, 0) as fake:
        port = fake.sockets[0].getsockname()[1]
        url = f"postgresql://engine:x@{servers.LOOPBACK}:{port}/x?sslmode=disable"
        server = servers.Server(name="Postgres", process=ended, log=tmp_path, port=port, url=url, start_again=server_of)
        with pytest.raises(CannotStart, match=r"Postgres stopped \(exit code 1\)"):
            await servers.wait_until_ready(server)


def server_of() -> servers.Server:
    raise AssertionError


def test_what_the_machine_does_not_start_is_started_once_it_can(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.local.supervisor.AGAIN_SECONDS", 0.0)
    supervisor._services = [Service(name, supervisor._watchdog, {}, command=["sleep", "60"]) for name in "abc"]
    start, tries = supervisor._watchdog.start, list[None]()

    def refuses(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        tries.append(None)
        if len(tries) <= 2:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        supervisor._interrupts = len(tries) // 5
        return start(*arguments, **options)

    monkeypatch.setattr(supervisor._watchdog, "start", refuses)
    supervisor._keep_running()
    assert all(service.pid for service in supervisor._services)


PRINTS = """
import pathlib, sys
for _ in range(3_000):
    print("x" * 1_000)
pathlib.Path(sys.argv[1]).touch()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pipe cannot be made larger")
def test_a_process_goes_on_while_nobody_reads_what_it_prints(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = list[IO[bytes]]()
    monkeypatch.setattr(Service, "_relay", lambda _, output: unread.append(output))
    command = [sys.executable, "-c", PRINTS, str(tmp_path / "done")]
    service = Service("api", supervisor._watchdog, {}, command=command)
    service.start()
    assert service._process
    assert service._process.wait(20) == 0
    assert (tmp_path / "done").exists()
    unread[0].close()


def test_a_log_is_continued_when_its_server_starts_again(data_home: DataHome) -> None:
    watchdog = Watchdog()
    try:
        for again, text in ((False, "first"), (True, "second")):
            process, log = servers._spawn(
                "server", ["echo", text], data_home, watchdog, signal.SIGTERM, Stage.REDIS, again=again
            )
            process.wait()
        assert log.read_text() == "first\nsecond\n"  # it says why the first ended
    finally:
        watchdog.end()


@pytest.mark.parametrize("ignored", [True, False])
def test_the_end_of_the_terminal_ends_it_unless_nohup_has_started_it(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, ignored: bool
) -> None:
    def start() -> tuple[str, str]:
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0)
        raise EndOfTest

    monkeypatch.setattr(supervisor, "_start_servers", start)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        with pytest.raises(EndOfTest if ignored else KeyboardInterrupt):
            supervisor.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class EndOfTest(Exception):
    pass
