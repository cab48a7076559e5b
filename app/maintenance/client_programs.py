"""pg_dump, pg_restore and psql, of the same major version as the server.

An older pg_dump refuses a newer server, and what a newer pg_restore writes an older server does not understand.
"""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
from asyncio.subprocess import Process
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg

from app.local import CannotStart, binaries
from app.local.run_as import Account
from app.postgres.hosts import hosts_of
from app.settings import SettingsError

PROGRAMS = ("pg_dump", "pg_restore", "psql")


@dataclass(frozen=True, slots=True)
class ClientPrograms:
    folder: Path
    address: str  # without the password: every user can read a command line
    environment: Mapping[str, str]  # with it

    async def start(self, program: str, *options: str | Path, **streams: Any) -> Process:
        return await asyncio.create_subprocess_exec(
            self.folder / program, *options, env=dict(self.environment), stderr=asyncio.subprocess.PIPE, **streams
        )

    async def run(self, program: str, *options: str | Path, **streams: Any) -> bytes:
        """Its output. SettingsError with its own words if it fails."""
        process = await self.start(program, *options, **streams)
        try:
            output, errors = await process.communicate()
        finally:
            await end(process)
        if process.returncode != 0:
            raise SettingsError(first_error(errors))
        return output


async def end(process: Process) -> None:
    """If we are interrupted before it has ended."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def client_programs(connection: asyncpg.Connection, dsn: str) -> ClientPrograms:
    """Those in the wheel of the embedded Postgres, or the first on the PATH. SettingsError if they do not fit."""
    needed, found = connection.get_server_version().major, list[int]()
    for folder in _folders():
        if all((folder / name).exists() for name in PROGRAMS):
            found.append(_major(folder / "pg_dump"))
            if found[-1] == needed:
                return ClientPrograms(folder, *login(dsn))
    there = f"here are those of {' and '.join(map(str, found))}" if found else "here are none"
    raise SettingsError(
        f"this needs {', '.join(PROGRAMS)} of Postgres {needed}, as the server is, and {there}: install "
        f"postgresql-client-{needed}, or run it where they are. It may be any machine that reaches the database."
    )


def _folders() -> Iterator[Path]:
    with contextlib.suppress(CannotStart):  # the embedded servers are not installed
        yield binaries.postgres(Account())
    if found := shutil.which("pg_dump"):
        yield Path(found).parent


def _major(program: Path) -> int:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)\.", told)
    return int(version[1]) if version else 0


def login(dsn: str) -> tuple[str, dict[str, str]]:
    """For libpq: the address without its password, and the environment with it."""
    split = urlsplit(dsn)
    user, _, hosts = split.netloc.rpartition("@")
    name, _, password = user.partition(":")
    query = dict(parse_qsl(split.query, keep_blank_values=True))
    password = unquote(password) or query.get("password", "")
    if len(hosts_of(dsn)) > 1:
        query.setdefault("target_session_attrs", "read-write")  # only the primary
    options = urlencode({key: value for key, value in query.items() if key != "password"}, quote_via=quote)
    address = f"{split.scheme}://{name}{'@' if name else ''}{hosts}{split.path}{'?' if options else ''}{options}"
    environment = os.environ | {"PGAPPNAME": "engine backup", "LC_ALL": "C", "TZ": "UTC"}
    return address, environment | ({"PGPASSWORD": password} if password else {})


def first_error(output: bytes) -> str:
    """What a program that failed says about it."""
    lines = [line.strip() for line in output.decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\b(error|ERROR|FATAL):", line)]
    return [*errors[:1], *lines[-1:], "a program of Postgres failed and gave no reason"][0]
