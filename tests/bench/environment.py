"""Durable servers as `engine up` starts them, with an engine and its peers on them."""

import asyncio
import contextlib
import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis.asyncio import Redis

from app.access import keys
from app.local import binaries, servers
from app.local.data_home import DataHome, prepare
from app.local.servers import Server
from app.local.watchdog import Watchdog
from app.server.listener import LISTEN_FD_VARIABLE, listen
from migrations.upgrade import upgrade
from tests.bench import interpreters
from tests.bench.client import CLONE
from tests.bench.systems import FREE, LIMITS_ON, System, clean_environment
from tests.bench.table import ENGINE, PEER

NODE_PEER = CLONE / "tests" / "bench" / "peer"
DBOS_PEER = CLONE / "tests" / "bench" / "dbos_peer"
DBOS_LOCK, DBOS_VENV = DBOS_PEER / "requirements.lock", DBOS_PEER / ".venv"
OWNERS = [f"caller-{number}" for number in range(8)]
PEER_TABLES = NODE_PEER / "schema.sql"


@dataclass
class Environment:
    home: Path
    watchdog: Watchdog
    data_home: DataHome
    postgres: Server
    redis: Server
    engine: System
    peers: list[System]

    @property
    def systems(self) -> list[System]:
        return [self.engine, *self.peers]

    @property
    def programs(self) -> Path:
        """The directory of pgbench."""
        return binaries.postgres(self.data_home.account)


@contextlib.asynccontextmanager
async def bench_environment(
    *, peers: tuple[str, ...] = (PEER,), commit_times: bool = False
) -> AsyncIterator[Environment]:
    """Peers that are not installed are left out. `commit_times`: Postgres records that of each transaction."""
    home = _home()
    watchdog = Watchdog(removes=home)
    async with contextlib.AsyncExitStack() as closing:
        closing.callback(watchdog.end)
        data_home = prepare(home, durable=True)
        postgres = servers.start_postgres(data_home, watchdog)
        redis = servers.start_valkey(data_home, watchdog)
        await asyncio.gather(servers.wait_until_ready(postgres), servers.wait_until_ready(redis))
        if commit_times:
            postgres = await _with_commit_times(postgres, data_home, watchdog)
        await asyncio.to_thread(upgrade, postgres.url)

        async def system(name: str, database: str, number: int, port: int) -> System:
            db = await asyncpg.create_pool(database, min_size=0, max_size=4)
            closing.callback(db.terminate)
            client = Redis.from_url(redis_url := _path(redis.url, str(number)))
            closing.push_async_callback(client.aclose)
            variables = FREE | {"DATABASE_URL": database, "REDIS_URL": redis_url, "PORT": str(port)}
            pids = postgres.process.pid, redis.process.pid
            return System(name, {}, db, client, variables, home, watchdog, pids, port)

        listener = closing.enter_context(listen("127.0.0.1", 0))
        engine = await system(ENGINE, postgres.url, 0, listener.getsockname()[1])
        await _prepare_engine(engine, listener.fileno())
        made = []
        for number, name in enumerate(peers, 1):
            if is_installed(name):
                await engine.db.execute(f"CREATE DATABASE {name}")
                peer = await system(name, _path(postgres.url, name), number, free_port())
                await peer.db.execute(await asyncio.to_thread(PEER_TABLES.read_text))
                await (_prepare_node(peer) if name == PEER else _prepare_dbos(peer))
                made.append(peer)
        yield Environment(home, watchdog, data_home, postgres, redis, engine, made)


async def _prepare_engine(engine: System, listening: int) -> None:
    engine.commands = {role: [sys.executable, "-P", "-m", "app.cli", role] for role in ("api", "worker")}
    engine.environment |= LIMITS_ON | {
        LISTEN_FD_VARIABLE: str(listening),
        "ENGINE_HOME": str(engine.home / "engine"),
        "ENGINE_SECRET": secrets.token_hex(32),
    }
    engine.inherits = (listening,)
    engine.tables = ("orders", "chain.transactions", "daily_volumes")
    connection = await asyncpg.connect(engine.environment["DATABASE_URL"])
    for owner in OWNERS:
        engine.callers.append(f"authorization: Bearer {await keys.create(connection, owner, operator=False)}\r\n")
    await connection.close()


async def _prepare_node(peer: System) -> None:
    peer.commands = {role: ["node", str(NODE_PEER / f"{role}.js")] for role in ("api", "worker")}
    peer.environment |= {"NODE_ENV": "production"}


async def _prepare_dbos(peer: System) -> None:
    """Its system tables are made as its documentation says. They are in the same database as the orders."""
    peer.commands = {
        role: [str(DBOS_VENV / "bin" / "python"), str(DBOS_PEER / f"{role}.py")] for role in ("api", "worker")
    }
    peer.tables = ("orders", "dbos.workflow_status")
    peer.fraction = 10
    made = await asyncio.create_subprocess_exec(
        DBOS_VENV / "bin" / "dbos",
        "migrate",
        "--sys-db-url",
        peer.environment["DATABASE_URL"],
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await made.communicate()
    if made.returncode:
        raise RuntimeError(f"`dbos migrate`: {output.decode()[-500:]}")


def is_installed(peer: str) -> bool:
    if peer == PEER:
        return shutil.which("node") is not None and (NODE_PEER / "node_modules").is_dir()
    return (DBOS_VENV / "made").is_file()


def install_dbos() -> None:
    """On the interpreter of this process, so that engine and peer run on the same one."""
    interpreters.environment(DBOS_LOCK, DBOS_VENV, interpreters.base())


def versions(peer: str) -> str:
    """What it is made of."""
    if peer == PEER:
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        packages = json.loads((NODE_PEER / "package-lock.json").read_text())["packages"]
        names = ("fastify", "bullmq", "pg", "ioredis", "ws")
        return f"node {node}, " + ", ".join(f"{name} {packages['node_modules/' + name]['version']}" for name in names)
    pins = dict(line.split(" ")[0].split("==") for line in DBOS_LOCK.read_text().splitlines() if "==" in line)
    return ", ".join(f"{name} {pins[name]}" for name in ("dbos", "fastapi", "uvicorn", "sqlalchemy", "psycopg"))


async def _with_commit_times(postgres: Server, data_home: DataHome, watchdog: Watchdog) -> Server:
    connection = await asyncpg.connect(postgres.url)
    await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    await connection.close()
    postgres.process.send_signal(signal.SIGINT)
    await asyncio.to_thread(postgres.process.wait)
    watchdog.forget(postgres.process)
    again = servers.start_postgres(data_home, watchdog)
    await servers.wait_until_ready(again)
    return again


def _home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="engine-bench-"))
    home.chmod(0o711)  # started by root, Postgres runs under another account
    return home


def _path(url: str, name: str) -> str:
    """Another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def free_port() -> int:
    with listen("127.0.0.1", 0) as probe:
        return int(probe.getsockname()[1])
