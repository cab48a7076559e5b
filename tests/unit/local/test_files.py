"""No other user of the machine can read what the local stack writes, not even for a moment."""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.local import postgres_data, servers, state
from app.local.data_home import DataHome, prepare
from app.local.watchdog import Stage, Watchdog

STATE = state.Running(
    supervisor=1, url="http://x", api=2, worker=3, watcher=4, postgres="postgresql://a:b@c/d", redis="redis://"
)


@contextmanager
def modes_between_calls(folder: Path) -> Iterator[dict[str, set[int]]]:
    """Each file in the folder, and every mode that it has had after any call of a function in the block."""
    seen: dict[str, set[int]] = {}
    process = os.getpid()

    def look(*_: Any) -> None:
        if os.getpid() != process:  # a child that is about to run a program, perhaps as another user
            return
        for entry in os.scandir(folder):
            if entry.is_file():
                seen.setdefault(entry.name, set()).add(entry.stat().st_mode & 0o777)

    before = os.umask(0)  # the most that a file could get
    sys.setprofile(look)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        os.umask(before)


@pytest.mark.parametrize(
    "wrong",
    [{"supervisor": "x"}, {"supervisor": -1}, {"supervisor": 10**20}, {"api": "z"}, {"api": 1.5}, {"url": 5}, {"x": 1}],
    ids=str,
)
def test_a_state_file_with_values_of_other_types_counts_as_none(tmp_path: Path, wrong: dict[str, Any]) -> None:
    lock = state.acquire_lock(tmp_path)
    state.write(tmp_path, replace(STATE, supervisor=os.getpid()))
    assert state.read(tmp_path) is not None
    good = json.loads((tmp_path / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps(good | wrong))
    assert state.read(tmp_path) is None
    assert state.report(tmp_path)["worker"] == {"pid": None}
    os.close(lock)


def set_up_postgres(data_home: DataHome) -> None:
    password = data_home.data / "postgres.password"
    seen_by: list[int] = []

    def initdb(*_: Any) -> None:
        assert password.read_text() == data_home.secret
        seen_by.append(password.stat().st_uid)

    watchdog = Watchdog()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres_data, "_run", initdb)
        postgres_data.init(Path("/programs"), data_home, data_home.data / "postgres", watchdog)
    watchdog.end()
    assert set(seen_by) == {os.geteuid() if data_home.account.user is None else data_home.account.user}


def start_a_server(data_home: DataHome) -> None:
    watchdog = Watchdog()
    try:
        process, _ = servers._spawn("server", ["true"], data_home, watchdog, signal.SIGTERM, Stage.POSTGRES)
        process.wait()
    finally:
        watchdog.end()


@pytest.mark.parametrize(
    ("write", "files"),
    [
        (set_up_postgres, {"postgres.password"}),
        (start_a_server, {"server.log"}),
        (lambda data_home: state.write(data_home.home, STATE), {"state.new", "state.json"}),
        (lambda data_home: prepare(data_home.home, durable=False), {"secret.new", "secret"}),
    ],
    ids=["password of Postgres", "log of a server", "state", "secret"],
)
def test_a_file_is_private_from_the_moment_it_exists(
    data_home: DataHome, write: Callable[[DataHome], None], files: set[str]
) -> None:
    (data_home.home / "secret").unlink()
    with modes_between_calls(data_home.home) as modes:
        write(data_home)
    assert modes == {name: {0o600} for name in files}
