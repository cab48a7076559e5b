"""Production mode refuses each unsafe setting and names it."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.preflight import refuse_unsafe
from app.settings import Settings, SettingsError, load

CLONE = Path(__file__).resolve().parents[2]
SAFE: dict[str, Any] = {
    "engine_mode": "production",
    "engine_secret": "9f2c61e07ab84d35c0d7e5b3486a1f92",
    "allowed_origins": "https://app.my-domain.net",
    "public_url": "https://engine.my-domain.net",
    "database_url": "postgresql://engine:long-and-own@db/orders",
    "host": "0.0.0.0",
}


def safe(**changes: Any) -> Settings:
    return load(_env_file=None, **SAFE | changes)


def test_safe_settings_start_and_local_mode_refuses_nothing() -> None:
    refuse_unsafe(safe(), api=True)
    refuse_unsafe(safe(engine_mode="local", engine_secret=None, allowed_origins=""), api=True)


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
        ("DB_PASSWORD", {"database_url": None, "db_host": "db", "db_password": "postgres"}),
    ],
)
def test_an_unsafe_setting_is_refused_in_one_sentence_that_names_it(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: .*Production mode refuses it.$") as refused:
        refuse_unsafe(safe(**changes), api=True)
    for secret in ("0123456789abcdef", "aaaa", "long-and-own"):
        assert secret not in str(refused.value)


def test_a_worker_needs_no_secret_and_no_origins_but_not_the_example_password() -> None:
    refuse_unsafe(safe(engine_secret=None, allowed_origins=""), api=False)
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        refuse_unsafe(safe(database_url="postgresql://postgres:postgres@db/orders"), api=False)


# Not secret: these example values may be used in production.
HARMLESS = {"ENGINE_HOME", "DB_HOST", "DB_PORT", "DB_USERNAME", "DB_NAME", "REDIS_URL", "REDIS_HOST", "REDIS_PORT"}


def test_every_example_value_in_the_repository_is_refused() -> None:
    text = (CLONE / ".env.example").read_text()
    examples = re.findall(r"^#([A-Z_]+)=(\S+)$", text, flags=re.MULTILINE)
    examples += re.findall(r"\$\{(DB_PASSWORD):-(\w+)\}", (CLONE / "docker-compose.yml").read_text())
    texts = (CLONE / "docs" / "operating.md").read_text() + (CLONE / "app" / "preflight.py").read_text()
    examples += [("ALLOWED_ORIGINS", origin) for origin in re.findall(r"like `?(https://[\w.-]+)", texts)]
    for name, value in examples:
        if name in HARMLESS:
            continue
        changes = {name.lower(): value} | ({"database_url": None, "db_host": "db"} if name == "DB_PASSWORD" else {})
        with pytest.raises(SettingsError, match=name):
            refuse_unsafe(safe(**changes), api=True)
    assert {"ALLOWED_ORIGINS", "PUBLIC_URL", "DATABASE_URL", "DB_PASSWORD"} <= {name for name, _ in examples}
    assert len([name for name, _ in examples if name == "ALLOWED_ORIGINS"]) == 3
