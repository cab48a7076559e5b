"""An open order whose trigger was lost gets it again, or is named in the log."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from app.orders.waiting.lost import PAGE, LostTriggers
from tests.waiting import place_open

TRIGGERS = "SELECT order_id, owner, order_type, feed, op, persist, level, base_level FROM triggers ORDER BY order_id"


async def test_every_open_order_is_looked_at_and_each_lost_trigger_is_as_before(
    pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await place_open(pool, ["145"], owner="alice")
    await place_open(pool, [str(1000 + n) for n in range(PAGE - 2)], owner="bob")
    for level, owner in (("146", "bob"), ("147", "bob"), ("148", "carol")):
        await place_open(pool, [level], owner=owner)
    before = await pool.fetch(TRIGGERS)
    await pool.execute("DELETE FROM triggers WHERE level < 1000")
    lost = LostTriggers(pool)
    await lost.mend()
    assert len(await pool.fetch(TRIGGERS)) == PAGE
    await lost.mend()
    assert await pool.fetch(TRIGGERS) == before
    assert caplog.text.count("an open order had no trigger, and has got it again") == 4
    await pool.execute("DELETE FROM triggers WHERE owner = 'alice'")
    await lost.mend()  # begins anew
    assert await pool.fetch(TRIGGERS) == before


async def test_a_leg_of_a_group_and_an_order_that_ends_get_none(
    pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    await place_open(pool, ["145"])
    await pool.execute("UPDATE orders SET group_id = $1", uuid4())
    await place_open(pool, ["145"], expires_in=-1)
    await pool.execute("DELETE FROM triggers")
    await LostTriggers(pool).mend()
    assert await pool.fetch(TRIGGERS) == []
    assert caplog.text.count("waits for ever: cancel it") == 1


async def test_an_order_whose_trigger_cannot_be_computed_stops_no_other_one(
    pool: asyncpg.Pool, caplog: pytest.LogCaptureFixture
) -> None:
    bad, other = await place_open(pool, ["145", "144"])
    await pool.execute("DELETE FROM triggers")
    await pool.execute("""UPDATE orders SET condition = '{"price":"?"}' WHERE id = $1""", bad)
    await LostTriggers(pool).mend()
    assert [row["order_id"] for row in await pool.fetch(TRIGGERS)] == [other]
    assert [vars(line)["row"] for line in caplog.records if "left out" in line.message] == [str(bad)]


async def test_an_order_that_somebody_has_locked_stops_no_other_one(pool: asyncpg.Pool) -> None:
    orders = await place_open(pool, ["140"] * 2)
    await pool.execute("DELETE FROM triggers")
    lost, armed = LostTriggers(pool), "SELECT order_id FROM triggers"
    async with pool.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", orders[0])
        await asyncio.wait_for(lost.mend(), 5)
        assert [row["order_id"] for row in await pool.fetch(armed)] == orders[1:]
    await lost.mend()
    assert {row["order_id"] for row in await pool.fetch(armed)} == set(orders)
