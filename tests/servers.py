"""The Postgres and the Redis of one test run: embedded ones, or those that the environment names."""

import asyncio
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis

from app.local import servers
from app.local.data_home import prepare
from app.local.watchdog import Watchdog
from app.mockchain import statements as chain
from app.settings import load
from migrations.upgrade import upgrade
from tests import postgres_template

Result = TypeVar("Result")


@dataclass(frozen=True)
class Servers:
    postgres: str  # a database that may create others
    redis: str
    migrated: bool  # the database is, and it is empty: a copy of the template of this run


@contextmanager
def running() -> Iterator[Servers]:
    """Servers for this run. Embedded ones end with the run, even if the run is killed."""
    given = load(_env_file=None)
    postgres, valkey = given.postgres_dsn, given.redis_dsn
    if valkey:
        _refuse_data(valkey)
    home = Path(tempfile.mkdtemp(prefix="engine-test-"))
    home.chmod(0o711)  # started by root, Postgres runs under another account and has to get in
    watchdog = Watchdog(removes=home)
    try:
        if not postgres:
            postgres_template.copy_to(home)
        data_home = prepare(home, durable=False)
        started = []
        if not postgres:
            started.append(servers.start_postgres(data_home, watchdog))
            postgres = started[-1].url
        if not valkey:
            started.append(servers.start_valkey(data_home, watchdog))
            valkey = started[-1].url
        for server in started:
            asyncio.run(servers.wait_until_ready(server))
        yield Servers(postgres, valkey, migrated=postgres_template.used() and not given.postgres_dsn)
    finally:
        watchdog.end()


# What a test may not leave changed if its database is to serve the next one.
TABLES = """
SELECT md5(string_agg(item, ' ' ORDER BY item)) FROM (
    SELECT attrelid::regclass || ' ' || attname AS item FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT tgname || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT proname || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT version_num FROM alembic_version
) AS everything
"""
DISCONNECT_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
EMPTY_AUDIT_LOG = """
DO $$ BEGIN IF EXISTS (SELECT FROM audit_log) THEN
    ALTER TABLE audit_log DISABLE TRIGGER USER; DELETE FROM audit_log; ALTER TABLE audit_log ENABLE TRIGGER USER;
END IF; END $$
"""
WRITTEN = (
    *("order_events", "triggers", "orders", "order_groups", "plans", "prices", "watermarks", "dead_men"),
    *("newest_slots", "daily_volumes", "api_keys", "trading_states", "reconciliation", "lost_swaps", "signed_swaps"),
    *("price_samples", "queue_samples", "webhooks", "webhook_deliveries"),
    *("chain.transactions", "chain.set_prices", "chain.launches"),
)
DELETE_ALL = "; ".join(f"DELETE FROM {table}" for table in WRITTEN)


class Databases:
    """Empty, migrated databases: copies of one template, used again after they were emptied.

    A copy takes 0.1 to 0.3 s when the machine is busy. The connection that empties a database stays open, in a loop of
    its own: a new one would have to read the catalog first.
    """

    def __init__(self, servers: Servers) -> None:
        self._admin, self._admin_is_migrated = servers.postgres, servers.migrated
        self._prefix = f"engine_test_{secrets.token_hex(6)}"
        self._template = f"{self._prefix}_template"
        self._made = 0
        self._free: list[str] = []
        self._tables = ""
        self._loop = asyncio.new_event_loop()
        self._open: dict[str, asyncpg.Connection] = {}  # address → connection

    def prepare(self) -> None:
        source = urlsplit(self._admin).path.lstrip("/") if self._admin_is_migrated else "template1"
        self._execute(f'CREATE DATABASE "{self._template}" TEMPLATE "{source}" STRATEGY FILE_COPY')
        address = self._address(self._template)
        upgrade(address)
        self._run(self._on(address, chain.prepare))
        self._tables = self._run(self._on(address, _read_tables))
        self._close(address)

    def create(self) -> str:
        self._made += 1
        name = f"{self._prefix}_{self._made}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}" STRATEGY FILE_COPY')
        return self._address(name)

    def drop(self, address: str) -> None:
        self._close(address)
        name = urlsplit(address).path.lstrip("/")
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def borrow(self) -> str:
        return self._free.pop() if self._free else self.create()

    def give_back(self, address: str) -> None:
        """Empty it for the next test. A test that changed the tables has used it up."""
        try:
            unchanged = self._run(self._on(address, _empty)) == self._tables
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # a test has ended the connection
            unchanged = False
        if unchanged:
            self._free.append(address)
        else:
            self.drop(address)

    def drop_all(self) -> None:
        for name in (self._template, *(f"{self._prefix}_{n + 1}" for n in range(self._made))):
            self.drop(self._address(name))
        self._close(self._admin)
        self._loop.close()

    def _address(self, database: str) -> str:
        return urlunsplit(urlsplit(self._admin)._replace(path=f"/{database}"))

    def _execute(self, statement: str) -> None:
        self._run(self._on(self._admin, lambda connection: connection.execute(statement)))

    async def _on(self, address: str, use: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
        if address not in self._open:
            self._open[address] = await asyncpg.connect(address)
        return await use(self._open[address])

    def _close(self, address: str) -> None:
        if connection := self._open.pop(address, None):
            connection.terminate()
            self._run(asyncio.sleep(0))  # closes its socket

    def _run(self, work: Coroutine[None, None, Result]) -> Result:
        return self._loop.run_until_complete(work)


async def _empty(connection: asyncpg.Connection) -> str:
    """Returns what its tables are now."""
    await connection.execute(DISCONNECT_OTHERS)
    await connection.execute(EMPTY_AUDIT_LOG)
    # TRUNCATE takes 40 ms of CPU, because it makes new files. Large tables get them: dead rows cost time.
    large = await connection.fetchval("SELECT pg_table_size('order_events') > 1000000")
    await connection.execute(f"TRUNCATE {', '.join(WRITTEN)}" if large else DELETE_ALL)
    return await _read_tables(connection)


async def _read_tables(connection: asyncpg.Connection) -> str:
    return str(await connection.fetchval(TABLES))


def flush(address: str) -> None:
    with redis.Redis.from_url(address) as client:
        client.flushdb()


def _refuse_data(address: str) -> None:
    with redis.Redis.from_url(address) as client:
        if keys := client.dbsize():
            raise RuntimeError(f"REDIS_URL: the tests empty this database, and it holds {keys} keys.")
