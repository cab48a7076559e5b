"""Fixtures for tests that need whole servers."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from app.orders.queue import Line


@pytest.fixture
async def primed_line(redis_dsn: str) -> AsyncIterator[None]:
    """A Redis that knows it has forgotten nothing: the first worker need not wait for starts granted before."""
    async with Redis.from_url(redis_dsn) as redis:
        await Line(redis, starts_per_minute=100).prime([])
        yield
