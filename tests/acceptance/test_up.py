"""What `engine up` promises: it comes up, stays up, and leaves nothing behind."""

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.acceptance.stack import Stack, engine, eventually, free_port, running


@pytest.fixture
def home() -> Iterator[Path]:
    """A home in a path with a space in it, where whoever runs Postgres can get to."""
    with tempfile.TemporaryDirectory(prefix="engine test ") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory) / "home"


def restarted(stack: Stack, name: str) -> None:
    old = stack.status()[name]["pid"]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: stack.status()[name]["pid"] not in (None, old), within=3)


def replace_guard(stack: Stack) -> None:
    """Kills the guard and returns when another keeps its watch."""
    guard = next(pid for pid in stack.tree() if "watchdog.py" in command(pid))
    os.kill(guard, signal.SIGKILL)
    eventually(lambda: any(pid != guard and "watchdog.py" in command(pid) for pid in stack.tree()), within=3)


def command(pid: int) -> str:
    return subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()


async def test_the_stack_heals_keeps_its_data_and_leaves_no_process(home: Path) -> None:
    with running(home) as stack:
        assert stack.healthy()
        assert json.loads(engine(home, "status", "--json").stdout) == stack.status()
        restarted(stack, "api")
        eventually(stack.healthy)
        restarted(stack, "worker")

        second = engine(home, "up", **stack.settings)
        assert second.returncode == 1
        assert f"already running at {stack.url}" in second.stderr

        database = await asyncpg.connect(stack.status()["postgres"]["url"])
        await database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        await database.close()

        tree = stack.tree()
        assert len(tree) > 5
        stack.signal(signal.SIGINT)
        assert stack.exit_code() == 0
        assert stack.gone(tree)
        assert stack.status()["api"] == {"pid": None, "url": None}

        stack.up()
        database = await asyncpg.connect(stack.status()["postgres"]["url"])
        assert await database.fetchval("SELECT answer FROM kept") == 42
        await database.close()

        replace_guard(stack)
        tree = stack.tree()
        stack.signal(signal.SIGKILL)
        stack.up()  # at once: it waits until the guard has ended what was left
        assert stack.gone(tree)

        tree = stack.tree()
        stack.signal(signal.SIGTERM)
        assert stack.exit_code() == 0
        assert stack.gone(tree)
        assert "Traceback" not in stack.output


def test_a_server_that_dies_stops_the_stack_and_says_why(home: Path) -> None:
    with running(home) as stack:
        tree = stack.tree()
        valkey = next(pid for pid in tree if "valkey-server" in command(pid))
        os.kill(valkey, signal.SIGKILL)
        assert stack.exit_code() == 1
        assert stack.gone(tree)
        assert "Valkey stopped" in stack.output
        assert "Ready to accept connections" in stack.output
        assert "Traceback" not in stack.output


def _sentence(home: Path, *arguments: str, **settings: str) -> str:
    """What a command that must fail says: exactly one sentence."""
    failed = engine(home, *arguments, **settings)
    assert failed.returncode == 1
    complaint = failed.stderr.strip()
    assert complaint.count("\n") == 0, complaint
    return complaint


def test_a_taken_port_is_one_sentence(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1:{port}" in _sentence(home, "up", PORT=port)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/orders", "cannot reach the database 'orders' at 127.0.0.1:1"),
        ("postgresql://me:hunter2@127.0.0.1:many/orders", "not an address"),
        ("nonsense", "a Postgres address looks like"),
    ],
)
def test_a_broken_database_url_is_one_sentence(home: Path, address: str, complaint: str) -> None:
    said = _sentence(home, "up", PORT=str(free_port()), DATABASE_URL=address, REDIS_URL="redis://127.0.0.1:1")
    assert complaint in said
    assert "hunter2" not in said


def test_a_broken_redis_url_is_one_sentence(home: Path, postgres_dsn: str) -> None:
    said = _sentence(home, "up", PORT=str(free_port()), DATABASE_URL=postgres_dsn, REDIS_URL="redis://127.0.0.1:1")
    assert "no Redis answers at 127.0.0.1:1" in said


def test_a_home_that_cannot_be_written_is_one_sentence(home: Path) -> None:
    home.parent.joinpath("file").touch()
    assert "Not a directory" in _sentence(home.parent / "file" / "home", "up", PORT=str(free_port()))


@pytest.mark.parametrize("command", ["api", "worker", "migrate"])
def test_a_process_without_servers_says_what_to_do(home: Path, command: str) -> None:
    assert "`engine up`" in _sentence(home, command)
