"""`engine doctor` names the cause of each fault, and nothing else. Only time and disk space are made up."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from redis.asyncio import Redis

from app.doctor import Finding, Place, engines, names, servers
from app.doctor.examination import examine
from app.settings import load
from tests.acceptance.stack import free_port
from tests.engine import running_engine
from tests.integration.test_access import Guarded, guarded

__all__ = ["guarded"]


@pytest.fixture
def well(postgres_dsn: str, redis_dsn: str, tmp_path: Path) -> Place:
    """An engine that is not running, with servers that it can use."""
    settings = load(database_url=postgres_dsn, redis_url=redis_dsn, engine_home=tmp_path, port=free_port())
    return Place(settings=settings, installed=lambda _: True)


def changed(place: Place, **settings: Any) -> Place:
    return replace(place, settings=place.settings.model_copy(update=settings))


def dsn(place: Place, **parts: str) -> str:
    """The address of Postgres with another password or database."""
    address = urlsplit(place.settings.database_url or "")
    login = f"{address.username}:{parts.get('password', address.password)}@{address.hostname}:{address.port}"
    return urlunsplit(address._replace(netloc=login, path=parts.get("path", address.path)))


def still(change: Callable[[Place], Place]) -> Callable[[Place], AbstractAsyncContextManager[Place]]:
    """A fault that only another setting or another answer makes."""
    return lambda place: contextlib.nullcontext(change(place))


@contextlib.asynccontextmanager
async def port_taken(place: Place) -> AsyncIterator[Place]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", place.settings.port):
        yield place


def home_is_a_file(place: Place) -> Place:
    home = place.settings.engine_home / "file"
    home.touch()
    return changed(place, redis_url=None, engine_home=home)


@contextlib.asynccontextmanager
async def newer_schema(place: Place) -> AsyncIterator[Place]:
    connection = await asyncpg.connect(place.postgres)
    found = await connection.fetchval("SELECT version_num FROM alembic_version")
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    yield place
    await connection.execute("UPDATE alembic_version SET version_num = $1", found)
    await connection.close()


@contextlib.asynccontextmanager
async def evicting_redis(place: Place) -> AsyncIterator[Place]:
    async with Redis.from_url(place.redis or "") as redis:
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        yield place
        await redis.config_set("maxmemory-policy", "noeviction")


@contextlib.asynccontextmanager
async def redis_without_replicas(place: Place) -> AsyncIterator[Place]:
    """One that writes only if a replica does too."""
    async with Redis.from_url(place.redis or "") as redis:
        await redis.config_set("min-replicas-to-write", 1)
        try:
            yield place
        finally:
            await redis.config_set("min-replicas-to-write", 0)


@contextlib.asynccontextmanager
async def frozen_postgres(place: Place) -> AsyncIterator[Place]:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield changed(place, database_url=f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/x")


@contextlib.asynccontextmanager
async def engine_of_another_home(place: Place) -> AsyncIterator[Place]:
    async with running_engine(place.postgres or "", place.redis or "", port=place.settings.port):
        yield changed(place, redis_url=None)


@contextlib.asynccontextmanager
async def no_worker(place: Place) -> AsyncIterator[Place]:
    async with running_engine(place.postgres or "", place.redis or "", port=place.settings.port):
        yield place


# fault → how it is made, which check finds it, a part of what it says, a part of what to do
FAULTS: dict[str, tuple[Callable[[Place], AbstractAsyncContextManager[Place]], str, str, str]] = {
    "another program at the port": (port_taken, "port", "another program", "set another PORT"),
    "no embedded servers": (
        still(lambda place: changed(replace(place, installed=lambda _: False), redis_url=None)),
        *("packages", "not installed", "`make up`"),
    ),
    "a home that is a file": (still(home_is_a_file), "disk", "is not a directory", "ENGINE_HOME"),
    "a home that nobody can make": (
        still(lambda place: changed(place, redis_url=None, engine_home=Path("/dev/fd/home"))),
        *("disk", "cannot be written", "ENGINE_HOME"),
    ),
    "a full disk": (
        still(lambda place: changed(replace(place, free=lambda _: 10**8), redis_url=None)),
        *("disk", "0.1 GiB free", "free some"),
    ),
    "Postgres is down": (
        still(lambda place: changed(place, database_url=f"postgresql://me@127.0.0.1:{free_port()}/x")),
        *("postgres", "nothing answers at 127.0.0.1", "start it"),
    ),
    "a Redis in place of Postgres": (
        still(lambda place: changed(place, database_url=f"postgresql://me@{(place.redis or '').rpartition('@')[2]}")),
        *("postgres", "is a Redis, and no Postgres", "correct its host or port"),
    ),
    "a Postgres that does not answer": (frozen_postgres, "postgres", "accepts connections and does not", "stopped"),
    "a name that nobody knows": (
        still(lambda place: changed(place, database_url="postgresql://me@db.invalid/x")),
        *("postgres", "the name db.invalid does not resolve", "correct the host"),
    ),
    "another password in Postgres": (
        still(lambda place: changed(place, database_url=dsn(place, password="changed"))),
        *("postgres", "refuses the login of engine", "ALTER ROLE"),
    ),
    "no such database": (
        still(lambda place: changed(place, database_url=dsn(place, path="/nothing"))),
        *("postgres", "no database nothing", "CREATE DATABASE"),
    ),
    "not migrated": (
        still(lambda place: changed(place, database_url=dsn(place, path="/template1"))),
        *("migrations", "never migrated", "`engine migrate`"),
    ),
    "a newer schema": (newer_schema, "migrations", "revision 9999, which is newer", "update it"),
    "Redis is down": (
        still(lambda place: changed(place, redis_url=f"redis://127.0.0.1:{free_port()}/0")),
        *("redis", "nothing answers at 127.0.0.1", "start it"),
    ),
    "another password in Redis": (
        still(lambda place: changed(place, redis_url=f"redis://:changed@{(place.redis or '').rpartition('@')[2]}")),
        *("redis", "refuses the login", "REDIS_PASSWORD"),
    ),
    "a Redis that writes nothing": (redis_without_replicas, "redis", "takes no writes: NOREPLICAS", "its replicas"),
    "a Redis that evicts": (evicting_redis, "redis", "evicts keys", "maxmemory-policy to noeviction"),
    "an engine of another home at the port": (engine_of_another_home, "port", "another ENGINE_HOME", "another PORT"),
    "no worker": (no_worker, "engine", "no worker is running", "`engine worker`"),
    "an unsafe setting": (still(lambda place: changed(place, host="0.0.0.0")), "settings", "HOST", ".env"),
}


def faults(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level == "fault"]


async def test_nothing_is_wrong_with_a_machine_that_is_well(well: Place) -> None:
    findings = await examine(well)
    assert {finding.level for finding in findings} == {"ok"}
    assert [finding.check for finding in findings] == [
        *("settings", "postgres", "clock", "migrations", "redis", "clock", "port")
    ]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_cause_of_a_fault_is_named_and_nothing_else(well: Place, fault: str) -> None:
    make, check, found, todo = FAULTS[fault]
    async with make(well) as place:
        [finding] = faults(await examine(place))
    assert finding.check == check
    assert found in finding.found
    assert todo in finding.todo
    assert "changed" not in finding.found  # no password is printed


@pytest.mark.parametrize(("ahead", "words"), [(60, "60 s ahead of"), (-60, "60 s behind")])
async def test_a_clock_that_is_wrong_is_compared_with_both_servers(well: Place, ahead: int, words: str) -> None:
    found = faults(await examine(replace(well, now=lambda: time.time() + ahead)))
    assert [(one.check, one.found) for one in found] == [
        ("clock", f"this machine is {words} {server}") for server in ("Postgres", "Redis")
    ]


def test_a_server_that_is_too_old_or_takes_no_writes_is_a_fault() -> None:
    old = {"version": "13.9", "major": 13, "read_only": False}
    assert [one.level for one in servers.of_postgres(old)] == ["fault"]
    assert "standby" in next(servers.of_postgres(old | {"major": 18, "read_only": True})).found
    redis = {"redis_version": "5.0.7", "role": "master", "maxmemory_policy": "noeviction"}
    assert [one.level for one in servers.of_redis(redis)] == ["fault"]
    assert "replica" in next(servers.of_redis(redis | {"redis_version": "7.2.4", "role": "slave"})).found
    full = {"redis_version": "7.2.4", "maxmemory": 100, "used_memory": 95}
    assert [one.level for one in servers.of_redis(redis | full)] == ["warning"]


@pytest.mark.parametrize("trouble", [{"trading": "halted"}, {"watchers": 0}, {"reconciling": "a worker"}])
def test_an_engine_that_does_not_trade_is_not_said_to_accept_and_execute(trouble: dict[str, Any]) -> None:
    [finding] = engines.of_health({"reasons": [], "trading": "active"} | trouble, ours=False)
    assert finding.level == "warning"
    [well] = engines.of_health({"reasons": [], "trading": "active"}, ours=False)
    assert well.level == "ok"


def test_a_name_that_is_no_setting_is_compared_with_those_that_are() -> None:
    environment = {"ENGINE_MOD": "production", "ENGINE_API_KEY": "", "PORT": "", "API_TOKEN": "", "PROT": ""}
    assert list(names.unknown(["PROT"], environment)) == [("ENGINE_MOD", "ENGINE_MODE"), ("PROT", "PORT")]


async def test_a_remote_engine_that_does_not_take_the_key_says_so(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = guarded.engine.base_url
    for key, wrong in (("", True), ("oe_00000000_0", True), (guarded.held["a"], False)):
        monkeypatch.setenv("ENGINE_API_KEY", key)
        found = [one for one in await engines.at(url) if one.check == "key"]
        assert [bool(one.todo) for one in found] == [wrong]


async def test_what_is_no_engine_is_said_in_a_sentence() -> None:
    [finding] = await engines.at(f"http://127.0.0.1:{free_port()}")
    assert (finding.check, finding.level) == ("engine", "fault")
    assert "cannot be reached" in finding.found


async def test_a_check_that_fails_itself_hides_no_other(well: Place) -> None:
    def broken(_: Path) -> int:
        raise RuntimeError("no statvfs")

    findings = await examine(changed(replace(well, free=broken), redis_url=None))
    assert [(one.check, one.found) for one in faults(findings)] == [("disk", "RuntimeError: no statvfs")]
    assert any(one.check == "migrations" for one in findings)
