"""Groups of all owners are settled together: none stops the others, and a stale look changes nothing."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.orders.waiting import groups
from app.orders.waiting.groups import Groups
from tests.engine import Engine, eventually
from tests.integration.test_order_groups import BRACKET, OCO, fill, place, statuses

pytestmark = pytest.mark.usefixtures("primed_queue")

STALL = 42  # an advisory lock


async def hold(engine: Engine, group: dict[str, Any], leg: int) -> UUID:
    """One leg fires, as by a watcher. Returns the order."""
    order = UUID(group["orders"][leg]["orderId"])
    await engine.postgres.execute(
        "UPDATE order_groups SET holder = $1 WHERE id = (SELECT group_id FROM orders WHERE id = $1)", order
    )
    await engine.postgres.execute("DELETE FROM triggers WHERE order_id = $1", order)
    await engine.postgres.execute("UPDATE orders SET status = 'pending' WHERE id = $1", order)
    return order


async def end(engine: Engine, order: UUID) -> None:
    await engine.postgres.execute("UPDATE orders SET status = 'expired' WHERE id = $1", order)


async def test_a_price_beyond_every_amount_stops_no_other_group(engine: Engine) -> None:
    """What the entry brought is worth more at such a price than a token account can hold."""
    most = 2**64 - 1
    bracket, other = await place(engine, BRACKET), await place(engine, OCO)
    entry, profit, _ = (order["orderId"] for order in bracket["orders"])
    await engine.postgres.execute("UPDATE orders SET limit_out = $2 WHERE id = $1", UUID(profit), most)
    await fill(engine, entry, 22_000_000_000)
    await end(engine, await hold(engine, other, 0))
    assert (await Groups(engine.postgres).settle())[0] == 2
    assert await engine.postgres.fetchval("SELECT limit_out FROM orders WHERE id = $1", UUID(profit)) == most


@pytest.mark.parametrize("bad", [0, 1, 2])
async def test_a_group_that_fails_is_left_out_and_named(
    engine: Engine, bad: int, caplog: pytest.LogCaptureFixture
) -> None:
    placed = [await place(engine) for _ in range(3)]
    for group in placed:
        await fill(engine, str(await hold(engine, group, 0)), 1)
    stop = UUID(placed[bad]["orders"][1]["orderId"])
    await engine.postgres.execute(
        "INSERT INTO order_events (order_id, seq, status, attempt, at) VALUES ($1, 2, 'open', 0, now())", stop
    )
    store = Groups(engine.postgres)
    assert (await store.settle())[0] == 2
    expected = [["confirmed", "open" if n == bad else "cancelled"] for n in range(3)]
    assert [await statuses(engine, group) for group in placed] == expected
    assert [vars(record)["row"] for record in caplog.records if "left out" in record.message] == [
        placed[bad]["groupId"]
    ]
    caplog.clear()
    assert await store.settle() == (0, [])
    assert not caplog.records


async def test_a_row_that_somebody_has_locked_stops_no_other_group(engine: Engine) -> None:
    placed = [await place(engine) for _ in range(2)]
    for group in placed:
        await fill(engine, str(await hold(engine, group, 0)), 1)
    stop = UUID(placed[0]["orders"][1]["orderId"])
    store = Groups(engine.postgres)
    for table, key in (("orders", "id"), ("triggers", "order_id")):
        async with engine.postgres.acquire() as other, other.transaction():
            await other.execute(f"SELECT FROM {table} WHERE {key} = $1 FOR UPDATE", stop)
            await asyncio.wait_for(store.settle(), 2)
        assert [await statuses(engine, group) for group in placed] == [
            ["confirmed", "open"],
            ["confirmed", "cancelled"],
        ]
    assert (await store.settle())[0] == 1
    assert await statuses(engine, placed[0]) == ["confirmed", "cancelled"]


async def test_a_watcher_that_saw_the_holder_open_does_not_free_it_once_it_has_fired_again(
    engine: Engine, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = await place(engine)
    profit = await hold(engine, group, 0)
    row = await engine.postgres.fetchrow("SELECT * FROM triggers")
    assert row is not None
    await engine.postgres.execute("UPDATE orders SET status = 'open' WHERE id = $1", profit)  # the price was lost
    # This watcher has looked at the rows, and not locked the group yet.
    stalled = groups.SETTLE.replace("NOT g.settled", f"NOT g.settled AND (SELECT pg_advisory_lock({STALL}))::text = ''")
    assert stalled != groups.SETTLE
    frozen = await asyncpg.create_pool(postgres_dsn, min_size=0, max_size=1)
    async with frozen, engine.postgres.acquire() as gate:
        await gate.execute(f"SELECT pg_advisory_lock({STALL})")
        with monkeypatch.context() as patch:
            patch.setattr(groups, "SETTLE", stalled)
            late = asyncio.create_task(Groups(frozen).settle())
            waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
            await eventually(lambda: engine.postgres.fetchval(waits))
        # Another one settles the group, and the same leg fires again.
        assert (await Groups(engine.postgres).settle())[0] == 1
        await hold(engine, group, 0)
        await engine.postgres.execute("UPDATE triggers SET armed = false")
        await gate.execute(f"SELECT pg_advisory_unlock({STALL})")
        assert await late == (0, [])
    assert await engine.postgres.fetchval("SELECT holder FROM order_groups") == profit
    assert await engine.postgres.fetchval("SELECT armed FROM triggers") is False
