"""Fixtures of the integration tests."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.postgres import open_postgres


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """The pool of a watcher's writes."""
    postgres = await open_postgres(postgres_dsn, size=10)
    yield postgres.writing
    await postgres.close()
