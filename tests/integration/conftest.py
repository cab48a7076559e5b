"""Fixtures of the integration tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.postgres.pools import open_postgres
from app.webhooks import backoff
from tests.integration.desk import Desk, a_desk
from tests.receiver import Receiver, receiving
from tests.solana_world import World, a_world


@pytest.fixture
async def pool(postgres_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """The pool of a watcher's writes."""
    postgres = await open_postgres(postgres_dsn, size=10)
    yield postgres.writing
    await postgres.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A local Solana chain with one node."""
    async with a_world(tmp_path) as opened:
        yield opened


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[World]:
    """With two."""
    async with a_world(tmp_path, providers=2) as opened:
        yield opened


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path) as opened:
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
def no_attempt_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, a delivery that failed waits until the test says that it is due."""
    monkeypatch.setattr(backoff, "FIRST_WAIT", 3_600.0)
