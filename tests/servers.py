"""The Postgres and the Redis of one test run: embedded ones, or those that the environment names."""

import asyncio
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis

from app.local import servers
from app.local.data_home import prepare
from app.local.watchdog import Watchdog
from app.settings import load
from migrations.upgrade import upgrade


@dataclass(frozen=True)
class Servers:
    postgres: str  # a database that may create others
    redis: str


@contextmanager
def running() -> Iterator[Servers]:
    """Servers for this run. What is embedded ends with it, even if the run is killed."""
    given = load(_env_file=None)
    postgres, valkey = given.postgres_dsn, given.redis_dsn
    if valkey:
        _refuse_data(valkey)
    home = Path(tempfile.mkdtemp(prefix="engine-test-"))
    home.chmod(0o711)  # as root, Postgres runs as somebody else
    guard = Watchdog(removes=home)
    try:
        premises = prepare(home, durable=False)
        started = []
        if not postgres:
            started.append(servers.start_postgres(premises, guard))
            postgres = started[-1].url
        if not valkey:
            started.append(servers.start_valkey(premises, guard))
            valkey = started[-1].url
        for server in started:
            asyncio.run(servers.answers(server))
        yield Servers(postgres, valkey)
    finally:
        guard.end()


class Databases:
    """Fresh, migrated databases: copies of one template."""

    def __init__(self, admin: str) -> None:
        self._admin = admin
        self._prefix = f"engine_test_{secrets.token_hex(6)}"
        self._template = f"{self._prefix}_template"
        self._made = 0

    def prepare(self) -> None:
        asyncio.run(self._execute(f'CREATE DATABASE "{self._template}"'))
        upgrade(self._address(self._template))

    async def create(self) -> str:
        self._made += 1
        name = f"{self._prefix}_{self._made}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}" STRATEGY FILE_COPY')
        return self._address(name)

    async def drop(self, address: str) -> None:
        name = urlsplit(address).path.lstrip("/")
        await self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def drop_all(self) -> None:
        for name in (self._template, *(f"{self._prefix}_{n + 1}" for n in range(self._made))):
            asyncio.run(self.drop(self._address(name)))

    def _address(self, database: str) -> str:
        return urlunsplit(urlsplit(self._admin)._replace(path=f"/{database}"))

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self._admin)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def flush(address: str) -> None:
    with redis.Redis.from_url(address) as client:
        client.flushdb()


def _refuse_data(address: str) -> None:
    with redis.Redis.from_url(address) as client:
        if keys := client.dbsize():
            raise RuntimeError(f"REDIS_URL: the tests empty this database, and it holds {keys} keys.")
