"""The embedded Postgres and Valkey: on 127.0.0.1, but for tests, on free ports, with a random password."""

import asyncio
import contextlib
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from app.local import CannotStart, binaries, postgres_data
from app.local.data_home import DataHome
from app.local.output import print_line
from app.local.run_as import Account
from app.local.watchdog import Stage, Watchdog

# For tests: faster, but a crash of the machine loses data.
NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off")

START_SECONDS = 30.0  # without an answer
SAY_AFTER_SECONDS = 5.0
SHORT, LONG = 0.01, 0.2  # seconds between looks whether a server is ready
READY, RECOVERS = "ready", "recovers"  # from a crash, or it loads its data, for as long as that takes
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Server:
    name: str
    process: subprocess.Popen[bytes]
    log: Path
    port: int
    url: str
    start_again: Callable[[], "Server"]  # on the same port, with the same data
    is_stopping: Callable[[], bool] = lambda: False  # it ends once its clients have left, and takes no new ones

    def exit_report(self) -> str:
        """Its exit code and the last lines of its log."""
        lines = [f"  {line}" for line in _last_lines(self.log) or ["its log says nothing: the disk may be full"]]
        return "\n".join([f"{self.name} stopped (exit code {self.process.poll()}):", *lines])


def _last_lines(log: Path) -> list[str]:
    """None, if somebody has deleted it to make space."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8_192))
        return file.read().decode(errors="replace").splitlines()[-8:]
    return []


def start_postgres(data_home: DataHome, watchdog: Watchdog, port: int = 0, host: str = LOOPBACK) -> Server:
    """On this port, where it ran before; 0: a free port."""
    programs = binaries.postgres(data_home.account)
    data = data_home.data / "postgres"
    if not data.exists():
        postgres_data.init(programs, data_home, data, watchdog)
    postgres_data.end_orphans(data)
    postgres_data.forget_killed(data, data_home.account)
    again, port = bool(port), port or _free_port()
    settings = [
        f"port={port}",
        f"listen_addresses={host}",
        "unix_socket_directories=",
        "max_connections=200",
    ]
    settings += () if data_home.durable else NOT_DURABLE
    command: list[str | Path] = [programs / "postgres", "-D", data]
    for setting in settings:
        command += ["-c", setting]
    # SIGINT is a fast, orderly shutdown.
    process, log = _spawn("postgres", command, data_home, watchdog, signal.SIGINT, Stage.POSTGRES, again=again)
    url = f"postgresql://{postgres_data.USER}:{data_home.secret}@{host}:{port}/{postgres_data.DATABASE}"
    url += "?sslmode=disable"  # it has no certificate; asking for one costs each connection 1.3 ms
    start_again = partial(start_postgres, data_home, watchdog, port, host)
    return Server(
        name="Postgres",
        process=process,
        log=log,
        port=port,
        url=url,
        start_again=start_again,
        is_stopping=partial(postgres_data.is_stopping, data),
    )


def start_valkey(data_home: DataHome, watchdog: Watchdog, port: int = 0, host: str = LOOPBACK) -> Server:
    _set_aside_damaged(data_home)
    data = data_home.account.own_directory(data_home.data / "valkey")
    again, port = bool(port), port or _free_port()
    quoted = str(data).replace("\\", "\\\\").replace('"', '\\"')
    settings = f"""
        bind {host}
        port {port}
        requirepass {data_home.secret}
        dir "{quoted}"
        appendonly {"yes" if data_home.durable else "no"}
        save ""
        maxmemory-policy noeviction
    """
    # Through stdin: a command line can be read by every user, and this holds the password.
    command: list[str | Path] = [binaries.valkey(data_home.account), "-"]
    process, log = _spawn(
        "valkey", command, data_home, watchdog, signal.SIGTERM, Stage.REDIS, again=again, stdin=settings
    )
    url = f"redis://:{data_home.secret}@{host}:{port}/0"
    start_again = partial(start_valkey, data_home, watchdog, port, host)
    return Server(name="Valkey", process=process, log=log, port=port, url=url, start_again=start_again)


# What Valkey logs when it ends because its data is damaged; not when the disk is full or a file cannot be read.
_DAMAGED = re.compile(
    r"(Bad file format|Unexpected end of file) reading the append only file|Error reading the RDB preamble"
    r"|AOF MANIFEST FILE ERROR|The AOF file .* doesn't exist"
)


def ready(server: Server, watchdog: Watchdog) -> Server:
    """This server, or the one that was started in its place, when it takes commands."""
    try:
        asyncio.run(wait_until_ready(server, print_line))
    except CannotStart:
        if server.name != "Valkey" or not _log_says_damaged(server.log):
            raise
        watchdog.forget(server.process)
        server = server.start_again()
        asyncio.run(wait_until_ready(server))
    return server


def _log_says_damaged(log: Path) -> bool:
    return any(map(_DAMAGED.search, _last_lines(log)))


def _set_aside_damaged(data_home: DataHome) -> None:
    """Nothing is lost without the data of Valkey: the engine restores what it needs from Postgres."""
    data = data_home.data / "valkey"
    if data.exists() and _log_says_damaged(data_home.home / "valkey.log"):
        aside = data.with_name(f"valkey.bad-{time.strftime('%Y%m%d-%H%M%S')}")
        data.rename(aside)
        print_line(f"Valkey could not load its data, which is kept in {aside}; it starts without")


async def wait_until_ready(server: Server, say: Callable[[str], None] = lambda _: None) -> None:
    """Returns when the server takes commands. CannotStart with the end of its log if it stops instead, or is silent."""
    answers = _postgres_answers if server.name == "Postgres" else _valkey_answers
    began = heard = time.monotonic()
    pause = SHORT
    while (answer := await answers(server)) != READY:
        if server.process.poll() is not None:
            raise CannotStart(server.exit_report())
        now = time.monotonic()
        if answer == RECOVERS:
            heard = now
        elif now - heard > START_SECONDS:
            raise CannotStart(f"{server.name} was not ready within {START_SECONDS:.0f} s; see {server.log}.")
        if pause == SHORT and now - began > SAY_AFTER_SECONDS:
            say(f"{server.name} recovers what it had written before it ended, and is waited for")
            pause = LONG  # each look costs it a process
        await asyncio.sleep(pause)


async def _postgres_answers(server: Server) -> str | None:
    try:
        connection = await asyncpg.connect(server.url)
    except PermissionError as error:  # a certificate of the client, in the home directory
        raise CannotStart(f"cannot read {error.filename}: {error.strerror}.") from None
    except asyncpg.CannotConnectNowError:
        return RECOVERS
    except (OSError, asyncpg.ConnectionDoesNotExistError):
        return None
    except asyncpg.InvalidPasswordError:
        raise CannotStart(
            f"The secret in {server.log.parent} is not the password of the Postgres data: "
            "restore the secret, or remove the directory to start with no data."
        ) from None
    await connection.close()
    return READY


async def _valkey_answers(server: Server) -> str | None:
    # Without the client library: importing it takes longer than starting the server.
    secret = server.url.split("@")[0].rpartition(":")[2]
    try:
        reader, writer = await asyncio.open_connection(urlsplit(server.url).hostname, server.port)
        writer.write(f"AUTH {secret}\r\nPING\r\nQUIT\r\n".encode())
        answer = await reader.read()
        writer.close()
    except OSError:
        return None
    return READY if b"+PONG" in answer else RECOVERS if b"-LOADING" in answer else None


def _spawn(
    name: str,
    command: Sequence[str | Path],
    data_home: DataHome,
    watchdog: Watchdog,
    stop_with: signal.Signals,
    stage: Stage,
    *,
    again: bool = False,
    stdin: str = "",
) -> tuple[subprocess.Popen[bytes], Path]:
    log = data_home.home / f"{name}.log"
    if log.exists() and not again:
        log.replace(log.with_suffix(".log.old"))
    # Private: statements that failed stand in it, with their values.
    with log.open("ab") if log.exists() else Account().create_file(log) as output:
        process = watchdog.start(
            command,
            stop_with,
            stage,
            at_parents_end=stop_with,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd="/",
            env=postgres_data.environment(),
            **data_home.account.popen_options,
        )
    assert process.stdin
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(stdin.encode())
    return process, log


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
