"""Faults of the servers and of the watchdog, of which a start or a stop must not depend."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from app.local import CannotStart, offline, postgres_data, servers, state, watchdog
from app.local.data_home import DataHome, prepare
from app.local.output import output
from app.local.supervisor import Supervisor
from app.local.watchdog import Stage, Watchdog, alive
from app.settings import load
from tests import postgres_template
from tests.unit.local.test_supervisor import supervisor

__all__ = ["supervisor"]

SET_UP = """
import sys
from pathlib import Path
from app.local import postgres_data, state
from app.local.data_home import prepare
from app.local.watchdog import Watchdog

home = Path(sys.argv[1])
watchdog = Watchdog(inherits=[state.acquire_lock(home)])
postgres_data._run(["sh", "-c", "echo $$ > pid; exec sleep 60"], prepare(home, durable=False), watchdog)
"""


def test_the_set_up_of_postgres_ends_with_the_supervisor_and_keeps_its_lock_until_then(
    data_home: DataHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = SET_UP.replace("> pid", f"> {data_home.account.own_directory(data_home.home / 'run')}/pid")
    parent = subprocess.Popen([sys.executable, "-c", script, data_home.home])
    file = data_home.home / "run" / "pid"
    deadline = time.monotonic() + 20
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    os.close(state.acquire_lock(data_home.home))  # returns when all of them have ended
    assert not alive(int(file.read_text()))


def test_a_stop_does_not_wait_for_ever_for_a_watchdog_that_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "STOP_TIMEOUTS", dict.fromkeys(Stage, 0.1))
    made = Watchdog()
    child = made.start(["sleep", "60"], signal.SIGTERM, Stage.PROCESSES, at_parents_end=signal.SIGTERM)
    os.kill(made._process.pid, signal.SIGSTOP)
    made.end()
    assert child.wait(1) == -signal.SIGTERM


def test_a_valkey_whose_data_is_damaged_starts_without_it(
    supervisor: Supervisor, data_home: DataHome, capfd: pytest.CaptureFixture[str]
) -> None:
    damaged = data_home.account.own_directory(data_home.data / "valkey") / "appendonlydir"
    damaged.mkdir(mode=0o755)
    (damaged / "appendonly.aof.manifest").write_text("garbage\n")
    durable = prepare(data_home.home, durable=True)
    started = servers.start_valkey(durable, supervisor._watchdog)
    assert servers.ready(started, supervisor._watchdog).process.poll() is None
    (aside,) = data_home.data.glob("valkey.bad-*")
    assert (aside / "appendonlydir" / "appendonly.aof.manifest").read_text() == "garbage\n"
    output.flush()
    assert str(aside) in capfd.readouterr().out


async def test_a_postgres_that_somebody_stops_ends_although_it_has_clients(
    supervisor: Supervisor, data_home: DataHome
) -> None:
    await asyncio.to_thread(postgres_template.copy_to, data_home.home)
    postgres = servers.start_postgres(prepare(data_home.home, durable=False), supervisor._watchdog)
    await servers.wait_until_ready(postgres)
    client = await asyncpg.connect(postgres.url)
    supervisor._servers = [postgres]
    postgres.process.send_signal(signal.SIGTERM)  # waits until all clients have left
    async with asyncio.timeout(10):
        while postgres.process.poll() is None:
            supervisor._restart_servers()
            await asyncio.sleep(0.05)
    client.terminate()


@pytest.mark.skipif(not Path("/proc").exists(), reason="nothing tells which program has a pid")
async def test_a_postgres_starts_although_another_process_has_the_pid_of_the_one_that_was_lost(
    supervisor: Supervisor, data_home: DataHome
) -> None:
    """Be it a Postgres, of other data."""
    await asyncio.to_thread(postgres_template.copy_to, data_home.home)
    account = data_home.account
    (program := data_home.home / "other" / "postgres").parent.mkdir(mode=0o755)
    program.symlink_to(shutil.which("sleep") or "")
    other = await asyncio.to_thread(lambda: subprocess.Popen([program, "60"], **account.popen_options))
    with account.create_file(data_home.data / "postgres" / "postmaster.pid") as file:
        file.write(f"{other.pid}\n{data_home.data / 'postgres'}\n1700000000\n5432\n\n127.0.0.1\n\nready\n".encode())
    postgres = servers.start_postgres(prepare(data_home.home, durable=False), supervisor._watchdog)
    try:
        await servers.wait_until_ready(postgres)
    finally:
        other.kill()
        other.wait()


@pytest.mark.skipif(not Path("/proc").exists(), reason="nothing tells which processes have this data")
async def test_a_postgres_starts_although_a_process_of_the_killed_one_does_not_end(
    supervisor: Supervisor, data_home: DataHome
) -> None:
    await asyncio.to_thread(postgres_template.copy_to, data_home.home)
    postgres = servers.start_postgres(prepare(data_home.home, durable=False), supervisor._watchdog)
    await servers.wait_until_ready(postgres)
    client = await asyncpg.connect(postgres.url)
    os.kill(client.get_server_pid(), signal.SIGSTOP)
    postgres.process.kill()
    await asyncio.to_thread(postgres.process.wait)
    await servers.wait_until_ready(postgres.start_again())
    client.terminate()


@pytest.mark.skipif(not Path("/proc").exists(), reason="nothing tells which processes have this data")
def test_a_command_does_not_wait_for_what_is_left_of_a_killed_postgres(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data := tmp_path / "postgres").mkdir()
    lock = state.acquire_lock(tmp_path)
    left = subprocess.Popen(["postgres: x", "60"], executable=shutil.which("sleep"), cwd=data, pass_fds=[lock])
    os.close(lock)
    settings = load(engine_home=tmp_path, database_url=None, db_host=None, _env_file=None)

    def start(*_: object) -> None:
        raise CannotStart("as a test")

    monkeypatch.setattr(servers, "start_postgres", start)
    try:
        with pytest.raises(CannotStart, match="as a test"), offline.servers(settings):
            pass
        assert left.wait(1) == -signal.SIGKILL
    finally:
        left.kill()


@pytest.mark.skipif(os.getuid() != 0, reason="takes another account")
def test_a_postgres_of_another_account_is_left_alone(tmp_path: Path) -> None:
    """Which files its processes have open, and where they run, only their account may see."""
    other = subprocess.Popen(["postgres: checkpointer", "60"], executable=shutil.which("sleep"))
    try:
        if (us := os.fork()) == 0:
            os.setuid(4321)
            os.kill = lambda *_: os._exit(1)
            postgres_data.end_orphans(tmp_path)
            os._exit(0)
        assert os.waitpid(us, 0)[1] == 0
    finally:
        other.kill()
        other.wait()


@pytest.mark.skipif(not Path("/proc").exists(), reason="nothing is ended without it")
def test_the_processes_of_a_postgres_that_runs_are_left_alone_whatever_its_file_says(tmp_path: Path) -> None:
    """In a container its main process has another pid for itself than for us."""
    start = "import subprocess as s; s.run(['postgres: checkpointer', '60'], executable='/bin/sleep', timeout=60)"
    main = subprocess.Popen([sys.executable, "-c", start], cwd=tmp_path, start_new_session=True)
    (tmp_path / "postmaster.pid").write_text("99999999\n")
    try:
        deadline = time.monotonic() + 20
        while not (children := Path(f"/proc/{main.pid}/task/{main.pid}/children").read_text().split()):
            assert time.monotonic() < deadline
        while not postgres_data._is_child(int(children[0])):
            assert time.monotonic() < deadline
        postgres_data.end_orphans(tmp_path)
        assert alive(int(children[0]))
        assert main.poll() is None
    finally:
        os.killpg(main.pid, signal.SIGKILL)
        main.wait()


async def test_a_server_is_waited_for_as_long_as_it_says_that_it_loads_its_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(servers, "START_SECONDS", 0.0)
    answers = [b"-LOADING\r\n", b"-LOADING\r\n", b"+PONG\r\n"]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"QUIT\r\n")
        writer.write(answers.pop(0))
        writer.close()

    process = await asyncio.to_thread(subprocess.Popen, ["sleep", "60"])
    try:
        async with await asyncio.start_server(answer, servers.LOOPBACK, 0) as fake:
            port = fake.sockets[0].getsockname()[1]
            url = f"redis://:x@{servers.LOOPBACK}:{port}/0"
            server = servers.Server(
                name="Valkey", process=process, log=tmp_path, port=port, url=url, start_again=lambda: server
            )
            await servers.wait_until_ready(server)
        assert answers == []
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


def test_an_interrupt_does_not_wait_for_servers_that_start(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start() -> tuple[str, str]:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)
        raise AssertionError("it went on")

    monkeypatch.setattr(supervisor, "_start_servers", start)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        with pytest.raises(KeyboardInterrupt):
            supervisor.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def test_an_unreadable_home_directory_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def connect(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/root/.postgresql/postgresql.key")

    monkeypatch.setattr(asyncpg, "connect", connect)
    process = await asyncio.to_thread(subprocess.Popen, ["true"])
    await asyncio.to_thread(process.wait)
    server = servers.Server(name="Postgres", process=process, log=tmp_path, port=1, url="", start_again=lambda: server)
    with pytest.raises(CannotStart, match=r"cannot read /root/.postgresql/postgresql.key: Permission denied"):
        await servers.wait_until_ready(server)
