"""`engine up` starts, restarts what dies, keeps its data, and leaves no process behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.local import before_start, state
from app.local.output import output
from app.settings import SettingsError, load, where_set
from migrations.upgrade import upgrade
from tests import postgres_template
from tests.acceptance.stack import Stack, engine, eventually, free_port, in_process, running
from tests.no_tls import NO_TLS


@pytest.fixture(scope="module")
def data_home() -> Iterator[Path]:
    """One home for all stacks, so that Postgres is set up once. Its path has a space."""
    with tempfile.TemporaryDirectory(prefix="engine test ") as directory:
        Path(directory).chmod(0o711)  # the account that runs Postgres must be able to enter
        yield Path(directory) / "home"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """For commands that start nothing."""
    return tmp_path / "home"


def kill_and_await_restart(stack: Stack, name: str) -> None:
    old = stack.status()[name]["pid"]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: stack.status()[name]["pid"] not in (None, old), within=10)


def kill_watchdog(stack: Stack) -> None:
    """Kills the watchdog and returns when it has been replaced."""
    watchdog = find(stack, "watchdog.py")
    os.kill(watchdog, signal.SIGKILL)
    eventually(lambda: any(pid != watchdog and "watchdog.py" in command for pid, command in stack.commands().items()))


async def test_the_stack_restarts_what_dies_keeps_its_data_and_leaves_no_process(data_home: Path) -> None:
    with running(data_home) as stack:
        assert stack.healthy()
        assert json.loads(shown := engine(data_home, "status", "--json").stdout) == stack.status()
        assert (data_home / "secret").read_text() not in shown
        kill_and_await_restart(stack, "api")
        eventually(stack.healthy)
        kill_and_await_restart(stack, "worker")
        kill_and_await_restart(stack, "watcher")

        second = engine(data_home, "up", **stack.settings)
        assert second.returncode == 1
        assert f"already running at {stack.url}" in second.stderr

        database = await asyncpg.connect(stack.postgres)
        await database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        hashed = await database.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = 'engine'")
        assert hashed.startswith("SCRAM-SHA-256$1:")  # one round: a login costs little
        await database.close()

        tree = stack.tree()
        assert len(tree) > 5
        stack.signal(signal.SIGINT)
        assert stack.exit_code() == 0
        assert stack.gone(tree)
        assert stack.status()["api"] == {"pid": None, "url": None}

        stack.up()
        database = await asyncpg.connect(stack.postgres)
        assert await database.fetchval("SELECT answer FROM kept") == 42
        await database.close()

        kill_watchdog(stack)
        tree = stack.tree()
        stack.signal(signal.SIGKILL)
        stack.up()  # waits until the watchdog has stopped the processes that were left
        assert stack.gone(tree)

        tree = stack.tree()
        stack.signal(signal.SIGTERM)
        assert stack.exit_code() == 0
        assert stack.gone(tree)
        assert "Traceback" not in stack.output


def find(stack: Stack, program: str) -> int:
    """The pid of the process whose command contains this."""
    return next(pid for pid, command in stack.commands().items() if program in command)


def kill_at_once(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)  # so that none can react to the end of another
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
def test_the_stack_starts_again_after_any_two_of_its_processes_were_killed(data_home: Path) -> None:
    with running(data_home) as stack:
        supervisor = find(stack, "app.cli up")
        still_running = find(stack, "postgres: checkpointer")
        os.kill(still_running, signal.SIGSTOP)
        kill_at_once(supervisor, find(stack, "bin/postgres -D"))
        stack.up()  # ends the last process of Postgres

        tree, supervisor = stack.tree(), find(stack, "app.cli up")
        kill_at_once(supervisor, find(stack, "watchdog.py"))
        if sys.platform == "linux":  # elsewhere the next start says which lock is held
            eventually(lambda: stack.gone(tree))
        stack.up()
        assert "Traceback" not in stack.output


@pytest.mark.slow
def test_servers_that_die_are_started_again_at_their_addresses(data_home: Path) -> None:
    order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
    with running(data_home) as stack:
        before = stack.status()
        kill_at_once(find(stack, "valkey-server"), find(stack, "bin/postgres -D"))

        def confirmed() -> bool:
            placed = httpx.post(f"{stack.url}/api/orders/execute", json=order, timeout=20, verify=NO_TLS)
            return (
                placed.status_code == 202 and httpx.get(f"{stack.url}/health/ready", verify=NO_TLS).status_code == 200
            )

        eventually(confirmed)
        assert stack.status() == before  # API and worker, too, are the same processes
        for text in ("Valkey stopped", "Postgres stopped", "Ready to accept connections"):
            assert text in stack.output
        assert "Traceback" not in stack.output


def error_of(
    home: Path, *arguments: str, run: Callable[..., subprocess.CompletedProcess[str]] = engine, **settings: str
) -> str:
    """The error of a command that must fail: exactly one line."""
    failed = run(home, *arguments, **settings)
    assert failed.returncode == 1
    error = failed.stderr.strip()
    assert error.count("\n") == 0, error
    return error


def test_a_taken_port_is_one_sentence(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        error = error_of(home, "up", PORT=port)
        assert f"cannot listen on 127.0.0.1:{port}" in error
        assert (
            "Set another in the environment or in /.env, such as" in error
        )  # the file that it reads in this directory


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/orders", "cannot reach the database 'orders' at 127.0.0.1:1"),
        ("postgresql://me:hunter2@127.0.0.1:many/orders", "not a valid Postgres address"),
        ("nonsense", "a Postgres address looks like"),
    ],
)
def test_a_broken_database_url_is_refused_without_showing_its_password(address: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        upgrade(address, wait_seconds=0)
    assert "hunter2" not in str(refused.value)


def test_a_broken_database_url_is_one_sentence(home: Path) -> None:
    address = "postgresql://me:hunter2@127.0.0.1:many/orders"
    error = error_of(home, "up", PORT=str(free_port()), DATABASE_URL=address, REDIS_URL="redis://127.0.0.1:1")
    assert "DATABASE_URL: not a valid Postgres address." in error
    assert "hunter2" not in error


def test_a_broken_redis_url_is_one_sentence(home: Path, postgres_dsn: str) -> None:
    error = error_of(home, "up", PORT=str(free_port()), DATABASE_URL=postgres_dsn, REDIS_URL="redis://127.0.0.1:1")
    assert "no Redis answers at 127.0.0.1:1" in error


def test_a_home_that_cannot_be_written_is_one_sentence(home: Path) -> None:
    home.touch()
    assert "Not a directory" in error_of(home / "home", "up", PORT=str(free_port()))


@pytest.mark.parametrize("command", ["api", "worker", "watcher"])
def test_a_process_without_servers_says_what_to_do(home: Path, command: str) -> None:
    assert "`engine up`" in error_of(home, command, run=in_process)


def test_a_key_is_created_before_the_engine_runs_for_the_first_time(data_home: Path) -> None:
    postgres_template.copy_to(home := data_home.with_name("of keys"))
    created = in_process(home, "keys", "create", "--owner", "ada")
    assert created.stdout.startswith("oe_"), created.stderr
    assert created.stdout[:11] in in_process(home, "keys", "list").stdout  # by another Postgres with the same data
    os.close(state.acquire_lock(home))  # nothing is left that runs there


def test_doctor_says_in_json_that_a_setting_cannot_be_read(home: Path) -> None:
    looked = in_process(home, "doctor", "--json", PORT="many")
    [finding] = json.loads(looked.stdout)
    assert "PORT: " in finding["found"]
    assert "Nothing else was looked at" in finding["todo"]


def test_all_that_production_mode_misses_is_said_at_once_before_anything_starts(home: Path) -> None:
    refused = in_process(home, "up", ENGINE_MODE="production", PORT=str(free_port()))
    secret, origins, where = refused.stderr.splitlines()
    assert secret.startswith("engine: ENGINE_SECRET: not set")
    assert origins.startswith("ALLOWED_ORIGINS: not set")
    assert where_set() in where
    assert refused.stdout == ""
    assert not home.exists()


def test_a_file_of_settings_that_is_not_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").touch()
    before_start.check(load(_env_file=None))
    output.flush()
    assert capfd.readouterr().out == ""
    monkeypatch.setattr(before_start, "ENV_FILE", tmp_path / "home" / ".env")
    before_start.check(load(_env_file=None))
    output.flush()
    assert f"{tmp_path}/.env is not read" in capfd.readouterr().out


def test_the_short_options_of_other_commands_work(home: Path) -> None:
    assert in_process(home, "-V").stdout == in_process(home, "--version").stdout
    for command in ((), ("keys",), ("keys", "create"), ("up",)):
        assert "Usage: " in in_process(home, *command, "-h").stdout
