"""What the log says about keys that cannot be read."""

import logging
from typing import Any

import asyncpg
import pytest

from app.access.keys import Keyring


class Pool:
    failing = True

    async def fetch(self, *_: Any) -> list[Any]:
        if self.failing:
            raise asyncpg.UndefinedTableError
        return []


async def test_keys_that_cannot_be_read_are_logged_once_and_so_is_their_return(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "engine.access")
    pool: Any = Pool()
    keyring = Keyring(pool)
    for failing in (True, True, False, False, True, True):
        pool.failing = failing
        await keyring._try_to_read()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
