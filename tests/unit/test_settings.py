"""`.env.example` lists exactly the settings that exist; the usual forms of a database URL are accepted."""

import re
from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, load

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"


def test_the_example_lists_every_setting() -> None:
    named = re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert sorted(named) == sorted(name.upper() for name in Settings.model_fields)


def test_a_copy_of_the_example_changes_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    assert load(_env_file=EXAMPLE) == load(_env_file=None)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_usual_scheme_of_a_database_url_is_accepted(scheme: str) -> None:
    assert (
        load(_env_file=None, database_url=f"{scheme}://me@db:5432/orders").postgres_dsn
        == "postgresql://me@db:5432/orders"
    )


@pytest.mark.parametrize(
    ("url", "words"), [("mysql://me:hunter2@db/orders", "mysql:// is not Postgres"), ("localhost:5432", "no scheme")]
)
def test_the_address_of_another_kind_of_server_is_refused_without_its_password(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=f"DATABASE_URL: .*{words}") as refused:
        load(_env_file=None, database_url=url)
    assert "hunter2" not in str(refused.value)
