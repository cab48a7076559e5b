"""The engine runs with the Redis user of deploy/redis, who may do nothing else."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from redis.exceptions import AuthenticationError, NoPermissionError

from app.local import binaries, run_as
from app.local.watchdog import Stage, Watchdog
from app.main import open_context
from app.settings import SettingsError, load
from tests.acceptance.stack import eventually, free_port
from tests.engine import HAPPY, running_engine
from tests.integration.test_access import PRODUCTION, new_key, trust_test_servers
from worker.main import worker

CLONE = Path(__file__).resolve().parents[2]
FOLDER = CLONE / "deploy" / "redis"
PASSWORD = "a password's $own"


class Restricted:
    """A Redis of its own, as compose.production.yml starts it, and an administrator who sees what was refused."""

    def __init__(self, port: int) -> None:
        self.url = f"redis://engine:{PASSWORD}@127.0.0.1:{port}/0"
        self.admin = redis.Redis(port=port, username="admin", decode_responses=True)
        self.engine: Any = redis.Redis(port=port, username="engine", password=PASSWORD)
        self.anyone = redis.Redis(port=port)

    def answers(self) -> bool:
        try:
            return bool(self.admin.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture
def restricted(tmp_path: Path) -> Iterator[Restricted]:
    shutil.copytree(FOLDER, tmp_path / "redis")
    with (tmp_path / "redis" / "users.acl").open("a") as users:
        users.write("user admin on nopass ~* &* +@all\n")
    port = free_port()
    server = binaries.valkey(run_as.choose())
    watchdog = Watchdog()
    process = subprocess.Popen(
        ["sh", tmp_path / "redis" / "start", server, "--port", str(port), "--save", "", "--appendonly", "no"],
        env=os.environ | {"REDIS_PASSWORD": PASSWORD, "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    watchdog.watch(process, signal.SIGTERM, Stage.REDIS)
    try:
        found = Restricted(port)
        eventually(found.answers)
        yield found
    finally:
        watchdog.end()
        process.wait()


async def test_the_engine_runs_as_the_user_of_the_acl(restricted: Restricted, postgres_dsn: str) -> None:
    async with running_engine(postgres_dsn, restricted.url, api_max_orders_per_min=1000) as engine:
        await engine.start_worker()
        order = (await engine.place())["orderId"]
        assert (await engine.read_stream(order)).statuses == HAPPY
        assert (await engine.read_stream(order)).statuses == HAPPY  # from the backlog
        failed = await engine.http.post("/test/dlq")
        assert (await engine.read_stream(failed.json()["orderId"])).statuses[-1] == "failed"
        for method, path in [
            ("POST", "/api/queue/pause"),
            ("POST", "/api/queue/resume"),
            ("GET", "/api/queue"),
            ("GET", f"/api/orders/{order}/connections"),
            ("GET", "/metrics"),
        ]:
            assert (await engine.http.request(method, path)).status_code == 200, path
        assert (await engine.http.get("/health/ready")).json()["redis"] == "up"
    assert restricted.admin.acl_log() == []


def test_the_user_of_the_acl_reaches_the_keys_and_the_channel_of_the_engine_only(restricted: Restricted) -> None:
    for command in (
        ("SET", "mine", "1"),
        ("PUBLISH", "mine", "1"),
        ("CONFIG", "GET", "*"),
        ("FLUSHALL",),
        ("KEYS", "*"),
        ("MONITOR",),
        ("ACL", "LIST"),
        ("EVAL", "return redis.call('SET', 'mine', '1')", "0"),
    ):
        with pytest.raises((NoPermissionError, redis.ResponseError), match=r"(?i)permission"):
            restricted.engine.execute_command(*command)
    with pytest.raises(AuthenticationError):
        restricted.anyone.ping()


def test_the_acl_has_every_command_of_the_scripts() -> None:
    allowed = set(re.findall(r"\+(\S+)", (FOLDER / "users.acl").read_text()))
    scripts = "".join(path.read_text() for path in (CLONE / "app").rglob("*.lua"))
    assert {name.lower() for name in re.findall(r"redis\.p?call\('(\w+)'", scripts)} <= allowed


def test_compose_starts_redis_with_these_users_and_the_engine_as_one_of_them() -> None:
    services = yaml.safe_load((CLONE / "compose.production.yml").read_text())["services"]
    assert services["redis"]["entrypoint"][:2] == ["sh", "/etc/engine/start"]
    assert services["redis"]["volumes"] == [f"./{FOLDER.relative_to(CLONE)}:/etc/engine:ro"]
    for name in ("migrate", "api", "worker"):
        assert services[name]["environment"]["REDIS_URL"].startswith("redis://engine:${REDIS_PASSWORD:?")
        assert "ENGINE_SECRET" in services[name]["environment"]


async def test_production_refuses_a_redis_that_may_evict_keys(
    restricted: Restricted, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_test_servers(monkeypatch)
    await new_key(postgres_dsn, "a")
    given: dict[str, Any] = PRODUCTION | {"database_url": postgres_dsn, "redis_url": restricted.url}
    restricted.admin.config_set("maxmemory-policy", "allkeys-lru")
    for process in (open_context(load(**given)), worker(load(**given), signals=False)):
        with pytest.raises(SettingsError, match=r"^REDIS_URL: .*noeviction"):
            async with process:
                pass
    restricted.admin.config_set("maxmemory-policy", "noeviction")
    async with open_context(load(**given)), worker(load(**given), signals=False):
        pass
