"""Samples for charts, which several processes take."""

import asyncio

import pytest

from app.orders.samples import sample_forever


async def test_processes_do_not_all_take_the_next_one_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    rests = list[float]()

    async def sample() -> float:
        return 3.0

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for _ in range(3):
        with pytest.raises(asyncio.CancelledError):
            await sample_forever(sample, lambda: True)
    assert len(set(rests)) == 3
    assert all(3 <= rest < 4 for rest in rests)
