"""A bucket: no more than its quota at once, then as fast as it refills; and no more sockets than there are slots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.connection_limit import ConnectionLimit, TooManyConnections
from app.access.rate_limit import RateLimitResult, headers, take_from_bucket


def test_a_quota_is_granted_at_once_and_then_evenly() -> None:
    full_at, granted = 0.0, 0
    for _ in range(200):
        verdict, full_at = take_from_bucket(full_at, 0.0, 1, 120)
        granted += verdict.granted
    assert granted == 120
    assert verdict == RateLimitResult(False, 0, 60.0, 0.5)
    assert take_from_bucket(full_at, 0.4, 1, 120)[0].granted is False
    assert take_from_bucket(full_at, 0.5, 1, 120)[0].granted is True
    assert take_from_bucket(full_at, 60.0, 120, 120)[0].granted is True


def test_what_does_not_fit_takes_nothing() -> None:
    _, full_at = take_from_bucket(0.0, 0.0, 8, 10)
    refused, unchanged = take_from_bucket(full_at, 0.0, 3, 10)
    assert (refused.granted, refused.left, unchanged) == (False, 2, full_at)
    assert refused.enough_in == pytest.approx(6)


@given(
    quota=st.integers(1, 1000),
    asks=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 50)), max_size=80),
)
def test_no_span_of_time_sees_more_than_a_quota_and_what_refills_in_it(
    quota: int, asks: list[tuple[float, int]]
) -> None:
    now, full_at, granted = 0.0, 0.0, 0
    for pause, cost in asks:
        now += pause
        verdict, full_at = take_from_bucket(full_at, now, cost, quota)
        granted += cost * verdict.granted
        assert granted <= quota + now * quota / 60 + 1e-3
        assert 0 <= verdict.left <= quota


def test_the_headers_are_those_of_the_draft() -> None:
    assert headers("orders", 120, RateLimitResult(False, 0, 60.0, 0.4)) == {
        "ratelimit-policy": '"orders";q=120;w=60',
        "ratelimit": '"orders";r=0;t=60',
        "retry-after": "1",
    }


def test_slots_are_given_back_and_of_one_owner_only_so_many() -> None:
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
