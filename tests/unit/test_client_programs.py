"""The programs of Postgres that `engine backup` runs: which ones, and how they log in."""

from pathlib import Path
from typing import Any

import pytest

from app.maintenance import client_programs
from app.maintenance.client_programs import first_error, login
from app.settings import SettingsError


@pytest.mark.parametrize(
    ("dsn", "address", "password"),
    [
        ("postgresql://u:p%40w@h:5432/db", "postgresql://u@h:5432/db", "p@w"),
        ("postgresql://u@h/db?password=a%26b&sslmode=require", "postgresql://u@h/db?sslmode=require", "a&b"),
        (
            "postgresql://u:p@h1:1,h2:2/db?target_session_attrs=any",
            "postgresql://u@h1:1,h2:2/db?target_session_attrs=any",
            "p",
        ),
        ("postgresql://u@h1:1,h2:2/db", "postgresql://u@h1:1,h2:2/db?target_session_attrs=read-write", None),
        ("postgresql:///db?host=/var/run", "postgresql:///db?host=%2Fvar%2Frun", None),
    ],
)
def test_a_password_is_never_on_a_command_line(
    monkeypatch: pytest.MonkeyPatch, dsn: str, address: str, password: str | None
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    found, environment = login(dsn)
    assert (found, environment.get("PGPASSWORD")) == (address, password)


class Server:
    """A connection to a server of this major version."""

    def __init__(self, major: int) -> None:
        self.major = major

    def get_server_version(self) -> Any:
        return self


def programs(folder: Path, major: int) -> Path:
    folder.mkdir()
    for name in client_programs.PROGRAMS:
        (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.3 (Debian)'\n")
        (folder / name).chmod(0o755)
    return folder


def test_the_programs_have_the_version_of_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folders = [programs(tmp_path / str(major), major) for major in (18, 17)]
    monkeypatch.setattr(client_programs, "_folders", lambda: iter(folders))
    for major, folder in zip((18, 17), folders, strict=True):
        connection: Any = Server(major)
        assert client_programs.client_programs(connection, "postgresql://h/db").folder == folder
    connection = Server(16)
    with pytest.raises(
        SettingsError, match=r"of Postgres 16.* here are those of 18 and 17: install postgresql-client-16"
    ):
        client_programs.client_programs(connection, "postgresql://h/db")
    monkeypatch.setattr(client_programs, "_folders", lambda: iter([tmp_path]))
    with pytest.raises(SettingsError, match="here are none"):
        client_programs.client_programs(connection, "postgresql://h/db")


def test_the_reason_is_the_first_error() -> None:
    assert first_error(b"psql:<stdin>:3: NOTICE: x\nERROR:  one\nCONTEXT: y\nERROR: two\n") == "ERROR:  one"
    assert first_error(b"something\nlast\n") == "last"
