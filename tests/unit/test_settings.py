"""`.env.example` explains every setting there is, and none that is not; settings understand what people write."""

import re
from pathlib import Path

import pytest

from app.settings import Settings, load

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"


def test_it_names_every_setting() -> None:
    named = re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert sorted(named) == sorted(name.upper() for name in Settings.model_fields)


def test_copied_as_it_is_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    assert load(_env_file=EXAMPLE) == load(_env_file=None)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_the_database_is_found_under_every_usual_scheme(scheme: str) -> None:
    assert (
        load(_env_file=None, database_url=f"{scheme}://me@db:5432/orders").postgres_dsn
        == "postgresql://me@db:5432/orders"
    )
