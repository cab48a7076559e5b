"""Rate limit buckets grant their quota at once, then refill evenly. Connections are limited in total and per owner."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.connection_limit import ConnectionLimit, TooManyConnections
from app.access.rate_limit import RateLimitResult, headers, take_from_bucket


def test_a_quota_is_granted_at_once_and_then_evenly() -> None:
    full_at, granted = 0.0, 0
    for _ in range(200):
        result, full_at = take_from_bucket(full_at, 0.0, 1, 120)
        granted += result.granted
    assert granted == 120
    assert result == RateLimitResult(False, 0, 60.0, 0.5)
    assert take_from_bucket(full_at, 0.4, 1, 120)[0].granted is False
    assert take_from_bucket(full_at, 0.5, 1, 120)[0].granted is True
    assert take_from_bucket(full_at, 60.0, 120, 120)[0].granted is True


def test_a_refused_request_takes_nothing_from_the_bucket() -> None:
    _, full_at = take_from_bucket(0.0, 0.0, 8, 10)
    refused, unchanged = take_from_bucket(full_at, 0.0, 3, 10)
    assert (refused.granted, refused.left, unchanged) == (False, 2, full_at)
    assert refused.enough_in == pytest.approx(6)


@given(
    quota=st.integers(1, 1000),
    requests=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 50)), max_size=80),
)
def test_no_period_grants_more_than_the_quota_and_its_refill(quota: int, requests: list[tuple[float, int]]) -> None:
    now, full_at, granted = 0.0, 0.0, 0
    for pause, cost in requests:
        now += pause
        result, full_at = take_from_bucket(full_at, now, cost, quota)
        granted += cost * result.granted
        assert granted <= quota + now * quota / 60 + 1e-3
        assert 0 <= result.left <= quota


def test_the_headers_follow_the_ietf_draft() -> None:
    assert headers("orders", 120, RateLimitResult(False, 0, 60.0, 0.4)) == {
        b"ratelimit-policy": b'"orders";q=120;w=60',
        b"ratelimit": b'"orders";r=0;t=60',
        b"retry-after": b"1",
    }


def test_connections_are_limited_in_total_and_per_owner_and_freed_again() -> None:
    limit = ConnectionLimit(max_total=3, max_per_owner=2)
    with limit.slot("a"), limit.slot("a"):
        with pytest.raises(TooManyConnections) as refused:
            limit.check("a")
        assert refused.value.of_owner
        with limit.slot("b"):
            with pytest.raises(TooManyConnections) as refused:
                limit.check("c")
            assert not refused.value.of_owner
    with limit.slot("a"), limit.slot("a"):
        pass
