"""Which failures are retried, after how long, and how often."""

import pytest

from app.dex.errors import NEVER, RETRY
from worker.retry import GIVE_UP, RetryPolicy

THREE = RetryPolicy(max_attempts=3, base_seconds=2)


def test_waits_double_from_the_base() -> None:
    patient = RetryPolicy(max_attempts=6, base_seconds=0.5)
    waits = [patient.decide(attempt, "rpc_timeout").wait_seconds for attempt in range(1, 6)]
    assert waits == [0.5, 1, 2, 4, 8]


def test_three_attempts_have_two_waits() -> None:
    assert [THREE.decide(attempt, "tx_dropped").wait_seconds for attempt in (1, 2, 3, 4)] == [2, 4, None, None]


@pytest.mark.parametrize("code", sorted(RETRY))
def test_a_passing_failure_is_retried(code: str) -> None:
    assert THREE.decide(1, code) != GIVE_UP


@pytest.mark.parametrize("code", sorted(NEVER))
def test_a_permanent_failure_is_never_retried(code: str) -> None:
    assert THREE.decide(1, code) == GIVE_UP


@pytest.mark.parametrize("code", ["internal_error", "tx_failed", "never heard of"])
def test_an_unknown_failure_is_retried(code: str) -> None:
    assert THREE.decide(1, code).wait_seconds == 2


def test_one_attempt_means_no_retry() -> None:
    assert RetryPolicy(max_attempts=1, base_seconds=2).decide(1, "rpc_timeout") == GIVE_UP
