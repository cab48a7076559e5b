"""What a process knows about the clock of Postgres is never later than it is."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from app.postgres.clock import MAX_AGE_SECONDS, DatabaseClock


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr("app.postgres.clock.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_an_answer_that_was_read_late_makes_the_known_time_too_early(monotonic: list[float]) -> None:
    known = DatabaseClock()
    known.read(at(5_000))  # written and read at once
    assert known.earliest(1_010) == 5_010
    monotonic[0] += 30  # this process was frozen while Postgres wrote the next answer
    known.read(at(5_001))
    assert known.earliest(1_030) == 5_001


def test_a_clock_that_was_set_back_is_noticed(monotonic: list[float]) -> None:
    known = DatabaseClock()
    known.read(at(5_000))
    monotonic[0] += 10
    assert known.read(at(5_010)) == 0
    monotonic[0] += 10
    assert known.read(at(4_420)) == 600


def test_what_is_known_expires_because_the_rates_of_clocks_differ(monotonic: list[float]) -> None:
    known = DatabaseClock()
    assert not known.is_known
    known.read(at(5_000))
    monotonic[0] += MAX_AGE_SECONDS - 1
    assert known.is_known
    monotonic[0] += 1
    assert not known.is_known
