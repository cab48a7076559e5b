"""What the log says about keys that cannot be read; when keys expire; when their use is written."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from app.access import keyring as module
from app.access.keyring import USED, Keyring
from app.access.keys import PREFIX_LENGTH, digest, new_key

KEY = new_key()
EXPIRES_AT = datetime(2026, 11, 28, tzinfo=UTC)
ROW: dict[str, Any] = {
    **{"prefix": KEY[:PREFIX_LENGTH], "owner": "a", "operator": False, "read_only": False, "hash": digest(KEY)},
    **{"max_order_usd": None, "max_daily_usd": None, "max_orders_per_min": None, "max_reads_per_min": None},
    **{"expires_at": EXPIRES_AT, "seconds_left": 0.3},
}


class Pool:
    def __init__(self, *rows: Any) -> None:
        self.failing = False
        self.rows = list(rows)
        self.written: list[list[str]] = []

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        if self.failing:
            raise asyncpg.UndefinedTableError
        if sql == USED:
            self.written.append(arguments[0])
        return self.rows


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


async def test_a_key_expires_while_the_database_is_down_and_ends_its_streams() -> None:
    pool: Any = Pool(ROW)
    keyring, ended = Keyring(pool), asyncio.Event()
    await keyring.open()
    pool.failing = True
    assert (found := keyring.find(KEY))
    assert (found.owner, keyring.expired_at(new_key())) == ("a", None)
    with keyring.end_when_revoked(KEY[:PREFIX_LENGTH], ended.set):
        async with asyncio.timeout(5):
            await ended.wait()
    assert keyring.find(KEY) is None
    assert keyring.find_by_prefix(KEY[:PREFIX_LENGTH]) is None
    assert keyring.expired_at(KEY) == EXPIRES_AT
    assert keyring.expired_at(KEY[:-1] + "x") is None  # of a key with this prefix, nothing is told
    await keyring.close()


async def test_the_use_of_a_key_is_written_once_a_minute_and_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool: Any = Pool(ROW | {"seconds_left": None})
    keyring = Keyring(pool)
    await keyring.read()
    await keyring._write_used()
    assert pool.written == []
    for _ in range(3):
        keyring.find(KEY)
        keyring.find(KEY[:-1] + "x")
        await keyring._write_used()
    assert pool.written == [[KEY[:PREFIX_LENGTH]]]
    monkeypatch.setattr(module, "USED_SECONDS", 0)  # the minute is over
    for pool.failing in (True, False):
        await keyring._write_used()
    assert pool.written == [[KEY[:PREFIX_LENGTH]]] * 2


async def test_a_slow_read_makes_no_key_live_longer() -> None:
    class Slow(Pool):
        async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
            rows = await super().fetch(sql, *arguments)
            await asyncio.sleep(ROW["seconds_left"])
            return rows

    pool: Any = Slow(ROW)
    keyring = Keyring(pool)
    await keyring.read()
    assert keyring.find(KEY) is None
