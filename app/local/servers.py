"""A real Postgres and a real Redis-compatible server: on 127.0.0.1, free ports, behind a random password."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.local import CannotStart, binaries
from app.local.data_home import DataHome
from app.local.watchdog import Stage, Watchdog

DATABASE = "order_execution_engine"
USER = "engine"

# What a Postgres that may lose everything does without.
FORGETFUL = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")

START_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Server:
    name: str
    process: subprocess.Popen[bytes]
    log: Path
    port: int
    url: str

    def last_words(self) -> str:
        """The end of its log, for whoever wants to know why it stopped."""
        lines = self.log.read_text(errors="replace").splitlines()[-8:]
        return "\n".join([f"{self.name} stopped (exit code {self.process.poll()}):", *(f"  {line}" for line in lines)])


def start_postgres(premises: DataHome, guard: Watchdog) -> Server:
    programs = binaries.postgres(premises.account)
    data = premises.data / "postgres"
    if not data.exists():
        _init_postgres(programs, premises, data)
    port = _free_port()
    settings = [
        f"port={port}",
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=200",
    ]
    settings += () if premises.durable else FORGETFUL
    command: list[str | Path] = [programs / "postgres", "-D", data]
    for setting in settings:
        command += ["-c", setting]
    process, log = _spawn("postgres", command, premises)
    guard.watch(process, signal.SIGINT, Stage.POSTGRES)  # SIGINT asks for a fast, orderly shutdown
    url = f"postgresql://{USER}:{premises.secret}@127.0.0.1:{port}/{DATABASE}"
    return Server(name="Postgres", process=process, log=log, port=port, url=url)


def start_valkey(premises: DataHome, guard: Watchdog) -> Server:
    data = premises.account.own_directory(premises.data / "valkey")
    port = _free_port()
    quoted = str(data).replace("\\", "\\\\").replace('"', '\\"')
    settings = f"""
        bind 127.0.0.1
        port {port}
        requirepass {premises.secret}
        dir "{quoted}"
        appendonly {"yes" if premises.durable else "no"}
        save ""
        maxmemory-policy noeviction
    """
    # Through stdin: on its command line everybody could read the password.
    process, log = _spawn("valkey", [binaries.valkey(premises.account), "-"], premises, typed=settings)
    guard.watch(process, signal.SIGTERM, Stage.REDIS)
    url = f"redis://:{premises.secret}@127.0.0.1:{port}/0"
    return Server(name="Valkey", process=process, log=log, port=port, url=url)


async def answers(server: Server) -> None:
    """Returns when the server takes commands; its last words if it stops instead."""
    ask = _ask_postgres if server.name == "Postgres" else _ask_valkey
    deadline = time.monotonic() + START_SECONDS
    while not await ask(server):
        if server.process.poll() is not None:
            raise CannotStart(server.last_words())
        if time.monotonic() > deadline:
            raise CannotStart(f"{server.name} did not answer within {START_SECONDS:.0f} s; its log is {server.log}.")
        await asyncio.sleep(0.01)


async def _ask_postgres(server: Server) -> bool:
    try:
        connection = await asyncpg.connect(server.url)
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    except asyncpg.InvalidPasswordError:
        raise CannotStart(
            f"The data of Postgres and the secret in {server.log.parent} do not belong together: "
            "restore the secret, or remove the directory to start afresh."
        ) from None
    await connection.close()
    return True


async def _ask_valkey(server: Server) -> bool:
    # Spoken by hand: the client library takes longer to import than the server to start.
    secret = server.url.split("@")[0].rpartition(":")[2]
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"AUTH {secret}\r\nPING\r\nQUIT\r\n".encode())
        answer = await reader.read()
        writer.close()
    except OSError:
        return False
    return b"+PONG" in answer  # before that it answers that it is still loading


def _init_postgres(programs: Path, premises: DataHome, data: Path) -> None:
    """A new cluster with our database. It gets its name when it is complete: a start can be killed."""
    draft = data.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)
    premises.account.own_directory(draft)
    password = draft.with_suffix(".password")
    password.unlink(missing_ok=True)
    password.write_text(premises.secret)
    password.chmod(0o600)
    if premises.account.user is not None:
        os.chown(password, premises.account.user, -1)
    options = ["--username", USER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
    options += [] if premises.durable else ["--no-sync"]
    try:
        _run([programs / "initdb", "-D", draft, "--pwfile", password, *options], premises)
        _run(
            [programs / "postgres", "--single", "-D", draft, "postgres"],
            premises,
            f"CREATE DATABASE {DATABASE}\n",
        )
    finally:
        password.unlink()
    draft.rename(data)


def _run(command: Sequence[str | Path], premises: DataHome, typed: str = "") -> None:
    done = subprocess.run(
        command,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=_environment(),
        **premises.account.run_as,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).splitlines() or ["it did not say why"]
        reason = next((line for line in said if re.search(r"\b(PANIC|FATAL|error):", line)), said[-1])
        raise CannotStart(f"Postgres could not be set up in {premises.data}: {reason.strip()}.")


def _spawn(
    name: str, command: Sequence[str | Path], premises: DataHome, *, typed: str = ""
) -> tuple[subprocess.Popen[bytes], Path]:
    """Starts a server in a session of its own, so that Ctrl-C in the terminal does not reach it."""
    log = premises.home / f"{name}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.old"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd="/",
            env=_environment(),
            start_new_session=True,
            **premises.account.run_as,
        )
    assert process.stdin
    with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(typed.encode())
    return process, log


def _environment() -> dict[str, str]:
    """Ours, without what would steer the servers: PGPORT, PGDATA, a foreign locale."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
