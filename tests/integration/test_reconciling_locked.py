"""Somebody has locked a row that reconciling needs. It waits for nobody, and all other orders go on."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from hashlib import md5
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.dump import dump, restore
from tests.engine import Engine, eventually, running_engine
from tests.integration.test_order_groups import BRACKET, place, statuses
from tests.integration.test_reconciling import confirmed, done, executed, fills
from tests.integration.test_reconciling_once import land as land_tagged
from tests.integration.test_reconciling_waiting import land
from tests.integration.test_slices import DCA, slices
from worker import comparison, reconciler


@pytest.fixture
async def engine(postgres_dsn: str, redis_dsn: str, primed_queue: None) -> AsyncIterator[Engine]:
    async with running_engine(postgres_dsn, redis_dsn, mock_block_ms=5) as started:
        yield started


@contextlib.asynccontextmanager
async def locked(pool: asyncpg.Pool, table: str, where: str, *arguments: Any) -> AsyncIterator[None]:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SELECT FROM {table} WHERE {where} FOR UPDATE", *arguments)
        yield


async def test_an_order_that_somebody_has_locked_is_confirmed_later_and_all_others_now(
    engine: Engine, postgres_dsn: str
) -> None:
    is_locked, other = [(await engine.place())["orderId"] for _ in range(2)]
    before = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), is_locked, other)
    await restore(postgres_dsn, before)
    async with locked(engine.postgres, "orders", "id = $1", is_locked):
        await engine.start_worker()
        await eventually(lambda: confirmed(engine, other))
        assert not await done(engine)
    await eventually(lambda: done(engine))
    assert await confirmed(engine, is_locked, other)
    assert {one: len(found) for one, found in (await fills(engine)).items()} == {is_locked: 1, other: 1}


async def test_an_order_that_stays_locked_stops_its_owner_only(
    engine: Engine, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_locked = (await engine.place())["orderId"]
    before = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), is_locked)
    await restore(postgres_dsn, before)
    await engine.postgres.execute("UPDATE orders SET owner = 'ann' WHERE id = $1", UUID(is_locked))
    monkeypatch.setattr(reconciler, "PATIENCE_SECONDS", 0.0)
    async with locked(engine.postgres, "orders", "id = $1", is_locked):
        of_another = (await engine.place())["orderId"]
        await engine.start_worker()
        await eventually(lambda: confirmed(engine, of_another))
    assert await done(engine)
    assert {one: len(found) for one, found in (await fills(engine)).items()} == {is_locked: 1, of_another: 1}
    assert await engine.postgres.fetchval("SELECT scope FROM trading_states WHERE state = 'halted'") == "ann"


async def test_what_is_confirmed_beside_a_locked_order_is_counted(
    engine: Engine, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "MAX_ORDERS", 1)  # in one transaction
    orders = [(await engine.place())["orderId"] for _ in range(3)]
    before = await dump(postgres_dsn)
    await executed(engine, await engine.start_worker(), *orders)
    await restore(postgres_dsn, before)
    oldest = await engine.postgres.fetchval(
        "SELECT split_part(memo, ' ', 1) FROM chain.transactions ORDER BY sent_at LIMIT 1"  # it is looked at last
    )
    async with locked(engine.postgres, "orders", "id = $1", oldest):
        await engine.start_worker()
        await eventually(lambda: confirmed(engine, *(one for one in orders if one != oldest)))
    await eventually(lambda: done(engine))
    ended = await engine.postgres.fetchval("SELECT details FROM audit_log WHERE action = 'reconciling.end'")
    assert json.loads(ended)["confirmed"] == 3


async def test_a_slice_behind_a_page_of_swaps_whose_plan_somebody_has_locked_for_a_moment_is_made_later(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "PAGE", 1)
    parent = (await engine.place(**DCA))["orderId"]
    await land(engine, str(UUID(md5(f"{parent}/1".encode()).hexdigest())), sold=333_333_366)
    await land(engine, str(uuid4()))
    failed, is_told = comparison.Comparison._failed, asyncio.Event()

    def told(*arguments: Any) -> None:
        failed(*arguments)
        is_told.set()

    monkeypatch.setattr(comparison.Comparison, "_failed", told)
    async with locked(engine.postgres, "plans", "order_id = $1", UUID(parent)):
        await engine.start_worker()
        await is_told.wait()
    await eventually(lambda: done(engine))
    assert await slices(engine, parent) == [(1, 333_333_366, "confirmed")]


async def test_a_leg_that_somebody_has_locked_as_its_entry_is_found_is_not_filled_again(
    engine: Engine, postgres_dsn: str
) -> None:
    """It did not sell yet what the entry had brought, so the swap of a leg seemed to be that of another order."""
    before = await dump(postgres_dsn)
    old = await place(engine, BRACKET, Idempotency_Key="the key")
    entry, _, stop = (one["orderId"] for one in old["orders"])
    await land_tagged(engine, entry, brings=1_100_000_000)
    await land_tagged(engine, stop, brings=140_000_000, sold=1_100_000_000)
    await restore(postgres_dsn, before)
    again = await place(engine, BRACKET, Idempotency_Key="the key")
    entry, _, stop = (one["orderId"] for one in again["orders"])

    async def waits_for_it() -> bool:
        waits_for = await engine.postgres.fetchval("SELECT waits_for FROM reconciliation")
        return await done(engine) or waits_for == "1 swaps on their way"

    async with locked(engine.postgres, "orders", "id = $1", stop):
        await engine.start_worker()
        await eventually(waits_for_it)
    await eventually(lambda: done(engine))
    assert sorted(await statuses(engine, again)) == ["cancelled", "confirmed", "confirmed"]
    assert await confirmed(engine, entry)
