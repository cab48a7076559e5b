"""Postgres and Redis: whether they answer, their versions, their clocks, and what the engine needs of them."""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    RedisError,
    ResponseError,
)

from app.client.fields import printable
from app.doctor import Finding, Place, probe
from app.orders.store.revision import READ, mismatch
from app.postgres.hosts import connect
from app.preflight.servers import NO_KEYS
from app.redis_client import fail_fast_redis
from migrations.revisions import known_revisions

SECONDS = 6.0  # for a server to answer everything
MAX_SKEW = 2.0  # seconds between two clocks
OLDEST_POSTGRES = 14  # notices that a client is gone (client_connection_check_interval)
OLDEST_REDIS = (6, 2)  # ZMSCORE
NEARLY_FULL = 0.9

POSTGRES_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
Causes = Sequence[tuple[tuple[type[Exception], ...], str, str]]

# error → what is wrong, what to do; {user}, {name} and {at} are those of the address
POSTGRES_CAUSES: Causes = (
    (
        (asyncpg.InvalidAuthorizationSpecificationError,),
        "it refuses the login of {user}",
        "set the password that this database has (DATABASE_URL, DB_PASSWORD). A database keeps the password that it "
        "was made with: change it there first, with ALTER ROLE",
    ),
    (
        (asyncpg.InvalidCatalogNameError,),
        "it has no database {name}",
        "create it (CREATE DATABASE), or correct its name in DATABASE_URL or DB_NAME",
    ),
    (
        (asyncpg.TooManyConnectionsError,),
        "all its connections are in use",
        "raise max_connections, or lower DB_POOL_SIZE",
    ),
    ((asyncpg.CannotConnectNowError,), "it is starting or stopping", "wait, and look again"),
    (
        (OSError, TimeoutError, asyncpg.InternalClientError),
        "nothing answers at {at}",
        "start it, or correct DATABASE_URL or DB_HOST",
    ),
    (
        (ValueError, asyncpg.InterfaceError),
        "this is no address of a Postgres",
        "DATABASE_URL=postgresql://user:password@host:5432/name",
    ),
)
REDIS_CAUSES: Causes = (
    (
        (AuthenticationError, NoPermissionError),
        "it refuses the login",
        "set the password that this Redis has (REDIS_URL, REDIS_PASSWORD)",
    ),
    ((BusyLoadingError,), "it is loading its data", "wait, and look again"),
    ((RedisError, OSError, TimeoutError), "nothing answers at {at}", "start it, or correct REDIS_URL or REDIS_HOST"),
    ((ValueError,), "this is no address of a Redis", "REDIS_URL=redis://:password@host:6379/0"),
)
NOT_RUNNING = "not running: `engine up` starts it"

POSTGRES = """
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int / 10000 AS major,
       extract(epoch FROM clock_timestamp())::float8 AS now,
       pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS read_only
"""
LIVE_KEYS = "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND coalesce(expires_at > now(), true)"


@dataclass(frozen=True, slots=True)
class Clock:
    """A server's clock, read between two looks at ours."""

    server: str
    theirs: float
    before: float
    after: float

    def finding(self) -> Finding:
        ahead = self.before - self.theirs if self.theirs < self.before else min(0.0, self.after - self.theirs)
        if abs(ahead) <= MAX_SKEW:
            return Finding("clock", "ok", f"equal to that of {self.server}")
        found = f"this machine is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} {self.server}"
        return Finding("clock", "fault", found, "set both by a time service (chrony, systemd-timesyncd)")


async def postgres(place: Place) -> list[Finding]:
    if place.postgres is None:
        return [Finding("postgres", "ok", NOT_RUNNING)]
    try:
        async with asyncio.timeout(SECONDS):
            return await _postgres(place.postgres, place)
    except (*POSTGRES_ERRORS, OSError, TimeoutError, ValueError) as error:
        return [await _cause("Postgres", error, POSTGRES_CAUSES, place.postgres, 5432)]


async def _postgres(dsn: str, place: Place) -> list[Finding]:
    connection = await connect(dsn)
    try:
        before = place.now()
        facts = dict(await connection.fetchrow(POSTGRES) or {})
        clock = Clock("Postgres", facts["now"], before, place.now())
        return [*of_postgres(facts), clock.finding(), *await _schema(connection, place)]
    finally:
        connection.terminate()


def of_postgres(facts: Mapping[str, Any]) -> Iterator[Finding]:
    version = f"version {facts['version']}"
    if facts["major"] < OLDEST_POSTGRES:
        yield Finding("postgres", "fault", version, f"it has to be {OLDEST_POSTGRES} or newer")
    elif facts["read_only"]:
        yield Finding(
            "postgres", "fault", "it takes no writes: a standby", "name the primary, or all hosts of the pair"
        )
    else:
        yield Finding("postgres", "ok", version)


async def _schema(connection: asyncpg.Connection, place: Place) -> list[Finding]:
    known = known_revisions()
    try:
        found, comment = await connection.fetchrow(READ) or (None, None)
    except asyncpg.UndefinedTableError:
        found, comment = None, None
    if problem := mismatch(found, comment, known):
        what, _, todo = problem.rpartition(": ")
        return [Finding("migrations", "fault", what, todo)]
    schema = Finding("migrations", "ok", f"revision {found}")
    if place.settings.engine_mode == "production" and not await connection.fetchval(LIVE_KEYS):
        what, _, todo = NO_KEYS.rstrip(".").partition(": ")
        return [schema, Finding("keys", "fault", what, todo)]
    return [schema]


async def redis(place: Place) -> list[Finding]:
    if place.redis is None:
        return [Finding("redis", "ok", NOT_RUNNING)]
    try:
        async with asyncio.timeout(SECONDS), fail_fast_redis(place.redis) as client:
            facts = await client.info()
            before = place.now()
            seconds, microseconds = await client.time()
            clock = Clock("Redis", seconds + microseconds / 1e6, before, place.now())
            found = list(of_redis(facts))
            if all(one.level != "fault" for one in found):
                found = await _writes(client) or found
            return [*found, clock.finding()]
    except (RedisError, OSError, TimeoutError, ValueError) as error:
        return [await _cause("Redis", error, REDIS_CAUSES, place.redis, 6379)]


async def _writes(client: Redis) -> list[Finding]:
    """Whether it refuses to write: with a write that changes nothing."""
    try:
        await client.set("engine:doctor", "", xx=True)
    except ResponseError as error:
        todo = "look at its disk, its memory, and its replicas if it needs some (min-replicas-to-write)"
        return [Finding("redis", "fault", f"it takes no writes: {printable(str(error), 120).rstrip('.')}", todo)]
    return []


def of_redis(facts: Mapping[str, Any]) -> Iterator[Finding]:
    name, version = (
        ("Valkey", facts["valkey_version"]) if "valkey_version" in facts else ("Redis", facts["redis_version"])
    )
    policy, limit = facts.get("maxmemory_policy", "noeviction"), facts.get("maxmemory", 0)
    if tuple(map(int, str(facts["redis_version"]).split(".")[:2])) < OLDEST_REDIS:
        yield Finding("redis", "fault", f"{name} {version}", "it has to be {}.{} or newer".format(*OLDEST_REDIS))
    elif facts.get("role", "master") != "master":
        yield Finding("redis", "fault", "it takes no writes: a replica", "name the primary, or set REDIS_SENTINELS")
    elif policy != "noeviction":
        todo = "set its maxmemory-policy to noeviction"
        yield Finding("redis", "fault", f"it evicts keys when it is full ({policy}): orders leave the queue", todo)
    elif limit and facts.get("used_memory", 0) > NEARLY_FULL * limit:
        yield Finding("redis", "warning", "its memory is nearly used up", "raise maxmemory")
    else:
        yield Finding("redis", "ok", f"{name} {version}, {policy}")


async def _cause(server: str, error: Exception, causes: Causes, url: str, default_port: int) -> Finding:
    for kinds, what, todo in causes:
        if isinstance(error, kinds):
            seen = await _seen(url, default_port, server) if OSError in kinds else None
            what, todo = seen or (what.format(**_words(url)), todo)
            return Finding(server.lower(), "fault", what, todo)
    return Finding(server.lower(), "fault", str(error), "")


async def _seen(url: str, default_port: int, server: str) -> tuple[str, str] | None:
    """What is at this address, if it names one host."""
    with contextlib.suppress(ValueError):
        address = urlsplit(url)
        if address.hostname and "," not in address.netloc and "+sentinel" not in address.scheme:
            return await probe.look(unquote(address.hostname), address.port or default_port, server)
    return None


def _words(url: str) -> dict[str, str]:
    """Of an address, without its password."""
    try:
        split = urlsplit(url)
    except ValueError:
        return dict.fromkeys(("user", "name", "at"), "?")
    user, at = unquote(split.username or "this user"), split.netloc.rpartition("@")[2] or "this address"
    return {"user": user, "name": split.path.lstrip("/") or user, "at": at}
