"""Production mode refuses each unsafe setting and names it."""

import contextlib
import hashlib
import re
from pathlib import Path
from typing import Any, cast

import pytest

from app.preflight import refuse_unsafe
from app.redis_client import fail_fast_redis, reconnecting_pool
from app.settings import Settings, SettingsError, load

CLONE = Path(__file__).resolve().parents[2]
SAFE: dict[str, Any] = {
    "engine_mode": "production",
    "engine_secret": "9f2c61e07ab84d35c0d7e5b3486a1f92",
    "allowed_origins": "https://app.my-domain.net",
    "public_url": "https://engine.my-domain.net",
    "database_url": "postgresql://engine:long-and-own@db/orders",
    "redis_url": "redis://engine:another-of-its-own@redis/0",
    "host": "0.0.0.0",
}

WEAK = ("x", "short-1", "aaaaaaaaaaaaaaaa", "123456789012", "qwertyuiopas")
NEVER_SENT = (
    "https://App.my-domain.net",
    "HTTPS://app.my-domain.net",
    "https://app.my-domain.net:443",
    "https://*.my-domain.net",
    "https://app.my domain.net",
    "https://user@app.my-domain.net",
    "https://app.my-domain.net:99999",
)


def safe(**changes: Any) -> Settings:
    return load(_env_file=None, **SAFE | changes)


def test_safe_settings_start_and_local_mode_needs_none_of_them() -> None:
    refuse_unsafe(safe(), api=True)
    refuse_unsafe(load(_env_file=None, database_url="postgresql://db/orders"), api=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "my-machine"])
def test_local_mode_listens_on_loopback_unless_the_network_is_trusted(host: str) -> None:
    with pytest.raises(SettingsError, match=r"^HOST: .*TRUST_NETWORK"):
        refuse_unsafe(load(_env_file=None, host=host), api=True)
    refuse_unsafe(load(_env_file=None, host=host, trust_network=True), api=True)
    refuse_unsafe(load(_env_file=None, host=host), api=False)  # a worker does not listen there


@pytest.mark.parametrize(
    "changes",
    [
        {"database_url": "postgresql:///orders?host=/run/postgresql"},
        {"database_url": "postgresql://engine@%2Frun%2Fpostgresql/orders"},
        {"database_url": "postgresql://engine@db/orders?sslmode=verify-full&sslcert=engine.crt"},
        {"database_url": "postgresql://engine@db/orders?password=long-and-own"},
        {"redis_url": "unix:///run/redis.sock"},
        {"redis_url": "redis://redis/0?password=another-of-its-own"},
        {"public_url": "https://my-domain.net/engine/", "allowed_hosts": "engine,10.0.0.7,api.my-domain.net"},
        {"allowed_origins": "http://localhost:5173", "public_url": "http://127.0.0.1:3000"},
    ],
    ids=str,
)
def test_a_client_that_proves_itself_needs_no_password_and_loopback_no_tls(changes: dict[str, Any]) -> None:
    refuse_unsafe(safe(**changes), api=True)


def test_a_redis_at_a_unix_socket_can_be_opened() -> None:
    url = "unix:///run/redis.sock"
    for pool in (reconnecting_pool(url), fail_fast_redis(url).connection_pool):
        assert cast("Any", pool).make_connection().path == "/run/redis.sock"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ENGINE_SECRET", {"engine_secret": None}),
        ("ENGINE_SECRET", {"engine_secret": "0123456789abcdef"}),
        ("ENGINE_SECRET", {"engine_secret": "a" * 64}),
        ("ENGINE_SECRET", {"engine_secret": "0123456789abcdef" * 4}),
        ("ALLOWED_ORIGINS", {"allowed_origins": ""}),
        ("ALLOWED_ORIGINS", {"allowed_origins": "*"}),
        ("ALLOWED_ORIGINS", {"allowed_origins": "https://app.my-domain.net/"}),
        ("ALLOWED_ORIGINS", {"allowed_origins": "https://app.my-domain.net,https://app.example.com"}),
        ("PUBLIC_URL", {"public_url": "https://engine.example.com"}),
        ("DATABASE_URL", {"database_url": "postgresql://postgres:postgres@db/orders"}),
        ("DATABASE_URL", {"database_url": "postgresql://engine@db/orders?password=postgres"}),
        ("DATABASE_URL", {"database_url": "postgresql://engine@db/orders"}),
        ("DATABASE_URL", {"database_url": "postgresql://engine:@db/orders"}),
        ("DB_PASSWORD", {"database_url": None, "db_host": "db", "db_password": "postgres"}),
        ("DB_PASSWORD", {"database_url": None, "db_host": "db"}),
        ("REDIS_URL", {"redis_url": "redis://redis/0"}),
        ("REDIS_URL", {"redis_url": "rediss://engine@redis/0"}),
        ("REDIS_URL", {"redis_url": "redis://:changeme@redis/0"}),
        ("REDIS_PASSWORD", {"redis_url": None, "redis_host": "redis"}),
        ("ALLOWED_ORIGINS", {"allowed_origins": "http://app.my-domain.net"}),
        ("PUBLIC_URL", {"public_url": "http://engine.my-domain.net"}),
        ("PUBLIC_URL", {"public_url": "ws://engine.my-domain.net"}),
        ("PUBLIC_URL", {"public_url": "ftp://engine.my-domain.net"}),
        ("PUBLIC_URL", {"public_url": "engine.my-domain.net"}),
        ("PUBLIC_URL", {"public_url": "https://"}),
        ("PUBLIC_URL", {"public_url": "https://user:pass@engine.my-domain.net"}),
        ("PUBLIC_URL", {"public_url": "https://engine.my-domain.net?a=b"}),
        ("PUBLIC_URL", {"public_url": "https://engine.my-domain.net/#top"}),
        ("ENGINE_SECRET", {"engine_secret": "change-me-change-me-please-123456"}),
        ("ENGINE_SECRET", {"engine_secret": "abcdefghijklmnopqrstuvwxyz012345"}),
        ("ENGINE_SECRET", {"engine_secret": "Your-32-character-key-goes-here-ok"}),
        ("DATABASE_URL", {"database_url": "postgresql://engine:engine@db/orders"}),
        ("DATABASE_URL", {"database_url": "postgresql://db/orders?user=trader&password=trader"}),
        ("DATABASE_URL", {"database_url": "postgresql://engine:admin@db/orders"}),
        ("DB_PASSWORD", {"database_url": None, "db_host": "db", "db_username": "desk", "db_password": "desk"}),
        ("REDIS_URL", {"redis_url": "redis://:redis@redis/0"}),
        ("REDIS_URL", {"redis_url": "redis://default:default@redis/0"}),
        ("REDIS_PASSWORD", {"redis_url": None, "redis_host": "redis", "redis_password": "admin"}),
        *(("DATABASE_URL", {"database_url": f"postgresql://engine:{weak}@db/orders"}) for weak in WEAK),
        ("REDIS_URL", {"redis_url": "redis://:x@redis/0"}),
        ("REDIS_URL", {"redis_url": "redis://engine:long-and-own@redis/0"}),
        ("ENGINE_SECRET", {"database_url": f"postgresql://engine:{SAFE['engine_secret']}@db/orders"}),
        ("ENGINE_SECRET", {"engine_secret": "11112222333344445555666677778888"}),
        ("ENGINE_SECRET", {"engine_secret": "qwertyuiopasdfghjklzxcvbnm123456"}),
        *(("ALLOWED_ORIGINS", {"allowed_origins": origin}) for origin in NEVER_SENT),
        ("PUBLIC_URL", {"public_url": "https://engine.my-domain.net."}),
        ("PUBLIC_URL", {"public_url": "https://engine.my-domain.net:99999"}),
        ("PUBLIC_URL", {"public_url": "https://engine.my-domain.net:0"}),
        ("PUBLIC_URL", {"public_url": "https://engine.my-domain.net:"}),
        ("PUBLIC_URL", {"public_url": "https://Engine.my-domain.net"}),
        ("ALLOWED_HOSTS", {"allowed_hosts": "*"}),
        ("ALLOWED_HOSTS", {"allowed_hosts": "engine.internal,https://engine.my-domain.net"}),
        ("ALLOWED_HOSTS", {"allowed_hosts": "engine.internal:3000"}),
    ],
)
def test_an_unsafe_setting_is_refused_in_one_sentence_that_names_it(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: .*Production mode refuses it.$") as refused:
        refuse_unsafe(safe(**changes), api=True)
    for secret in ("0123456789abcdef", "aaaa", "long-and-own"):
        assert secret not in str(refused.value)


def test_the_addresses_of_proxies_have_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for trusted, allowed in (("10.0.0.7, 10.1.0.0/16", True), ("*", False), ("127.0.0.1, 0.0.0.0/0", False)):
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
        with contextlib.nullcontext() if allowed else pytest.raises(SettingsError, match=r"^FORWARDED_ALLOW_IPS: "):
            refuse_unsafe(safe(), api=True)


def test_random_secrets_start() -> None:
    for n in range(100):
        for secret in (hashlib.sha256(b"%d" % n).hexdigest()[:32], hashlib.sha512(b"%d" % n).hexdigest()):
            refuse_unsafe(safe(engine_secret=secret), api=True)


def test_a_worker_needs_no_origins_but_the_secret_and_servers_of_its_own() -> None:
    refuse_unsafe(safe(allowed_origins="", public_url=None), api=False)
    for name, value in (
        ("DATABASE_URL", "postgresql://postgres:postgres@db/orders"),
        ("REDIS_URL", "redis://redis/0"),
        ("ENGINE_SECRET", None),
    ):
        with pytest.raises(SettingsError, match=f"^{name}: "):
            refuse_unsafe(safe(**{name.lower(): value}), api=False)


def test_the_password_in_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for password, allowed in (("long-and-own", True), ("postgres", False)):
        monkeypatch.setenv("PGPASSWORD", password)
        with contextlib.nullcontext() if allowed else pytest.raises(SettingsError, match="DATABASE_URL"):
            refuse_unsafe(safe(database_url="postgresql://engine@db/orders"), api=True)


# Not secret: these example values may be used in production.
HARMLESS = {
    *("ENGINE_HOME", "ALLOWED_HOSTS", "DB_HOST", "DB_PORT", "DB_USERNAME", "DB_NAME"),
    *("REDIS_HOST", "REDIS_PORT", "REDIS_SENTINELS", "REDIS_MASTER", "TRACING_ENDPOINT"),
}


def test_every_example_value_in_the_repository_is_refused() -> None:
    text = (CLONE / ".env.example").read_text()
    examples = re.findall(r"^#([A-Z_]+)=(\S+)$", text, flags=re.MULTILINE)
    examples += re.findall(r"\$\{(DB_PASSWORD):-(\w+)\}", (CLONE / "docker-compose.yml").read_text())
    texts = (CLONE / "docs" / "operating.md").read_text() + (CLONE / "app" / "preflight" / "__init__.py").read_text()
    examples += [("ALLOWED_ORIGINS", origin) for origin in re.findall(r"like `?(https://[\w.-]+)", texts)]
    for name, value in examples:
        if name in HARMLESS:
            continue
        changes = {name.lower(): value} | ({"database_url": None, "db_host": "db"} if name == "DB_PASSWORD" else {})
        with pytest.raises(SettingsError, match=name):
            refuse_unsafe(safe(**changes), api=True)
    assert {"ALLOWED_ORIGINS", "PUBLIC_URL", "DATABASE_URL", "DB_PASSWORD"} <= {name for name, _ in examples}
    assert len([name for name, _ in examples if name == "ALLOWED_ORIGINS"]) == 3
