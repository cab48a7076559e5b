"""Slices of all owners are made together: no plan stops the others, or takes more of the queue than its owner may."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.orders.waiting import plans as plans_of_all
from app.orders.waiting.plans import PlanStore
from app.watcher.main import watcher
from tests.engine import Engine, eventually
from tests.integration.test_slices import DCA, end_slices, make, make_due, slices
from tests.integration.test_watcher import Market, market, watching

__all__ = ["market"]
pytestmark = pytest.mark.usefixtures("primed_queue")


async def place(engine: Engine, plans: int) -> list[str]:
    return [(await engine.place(**DCA, clientOrderId=str(n)))["orderId"] for n in range(plans)]


async def made(engine: Engine, plans: list[str]) -> list[int]:
    return [len(await slices(engine, plan)) for plan in plans]


async def test_a_plan_that_fails_is_left_out_and_named(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    plans = await place(engine, 3)
    await engine.postgres.execute("UPDATE plans SET every_seconds = 0 WHERE order_id = $1", UUID(plans[1]))
    store = PlanStore(engine.postgres, max_age=4.0)
    assert await make(store) == 2
    assert await made(engine, plans) == [1, 0, 1]
    assert [vars(line)["row"] for line in caplog.records if "left out" in line.message] == [plans[1]]
    caplog.clear()
    assert await make(store) == 0
    assert not caplog.records


async def test_a_floor_beyond_every_amount_is_an_error_of_no_statement(engine: Engine) -> None:
    """Of a plan that was accepted before such a floor was refused."""
    plans = await place(engine, 2)
    await engine.postgres.execute(
        "UPDATE plans SET band_min = 99999999999999999999 WHERE order_id = $1", UUID(plans[0])
    )
    assert await make(PlanStore(engine.postgres, max_age=4.0)) == 2


async def test_a_parent_that_somebody_has_locked_stops_no_other_plan(engine: Engine) -> None:
    plans = await place(engine, 2)
    store = PlanStore(engine.postgres, max_age=4.0)
    async with engine.postgres.acquire() as other, other.transaction():
        await other.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", UUID(plans[0]))
        assert await asyncio.wait_for(make(store), 2) == 1
    assert await made(engine, plans) == [0, 1]


async def test_a_plan_whose_token_a_watcher_does_not_know_stays_due_and_stops_no_other_one(
    engine: Engine, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another watcher may have heard of it. Of a page of plans it is the first."""
    monkeypatch.setattr(plans_of_all, "BATCH", 1)
    plans = await place(engine, 2)
    await engine.postgres.execute("UPDATE orders SET token_in = 'LATER' WHERE id = $1", UUID(plans[0]))

    async def other_made() -> bool:
        return await made(engine, plans) == [0, 1]

    async with watching(engine, market):
        await eventually(other_made)
    plan = "SELECT next_slice, skipped FROM plans WHERE order_id = $1"
    assert tuple(await engine.postgres.fetchrow(plan, UUID(plans[0])) or ()) == (1, 0)


async def test_a_slice_waits_until_the_one_before_has_been_started(engine: Engine) -> None:
    [plan] = await place(engine, 1)
    store = PlanStore(engine.postgres, max_age=4.0)
    for status in ("pending", "routing"):
        await engine.postgres.execute("UPDATE orders SET status = $1 WHERE parent_id IS NOT NULL", status)
        await make(store)
        await make_due(engine)
        assert await made(engine, [plan]) == [1]
    await engine.postgres.execute("UPDATE orders SET status = 'building' WHERE parent_id IS NOT NULL")
    assert await make(store) == 1


@pytest.mark.parametrize(
    ("limits", "expected"), [({"queue_max_per_owner": 2}, [1, 1, 0, 1]), ({"queue_max_depth": 2}, [1, 1, 0, 0])]
)
async def test_slices_leave_room_in_the_queue(engine: Engine, limits: dict[str, Any], expected: list[int]) -> None:
    plans = await place(engine, 4)
    for table, key in (("orders", "id"), ("plans", "order_id")):
        await engine.postgres.execute(f"UPDATE {table} SET owner = 'bob' WHERE {key} = $1", UUID(plans[3]))

    async def reached() -> bool:
        return await made(engine, plans) == expected

    async def third() -> bool:
        return (await made(engine, plans))[2] == 1

    async with watcher(engine.settings.model_copy(update=limits)):
        await eventually(reached)
        await end_slices(engine)
        await eventually(third)


async def test_a_plan_goes_on_after_the_clock_was_set_back(engine: Engine) -> None:
    begin = datetime.now(UTC) + timedelta(hours=1)
    later = {**DCA["schedule"], "startAt": begin.isoformat()}
    chosen = (await engine.place(**DCA | {"schedule": later}))["orderId"]
    plans = await place(engine, 2)
    ahead = "UPDATE plans SET next_at = now() + interval '1 hour', next_slice = $2 WHERE order_id = $1"
    for plan, number in zip(plans, (1, 2), strict=True):
        await engine.postgres.execute(ahead, UUID(plan), number)
    await PlanStore(engine.postgres, max_age=4.0).mend()
    rows = await engine.postgres.fetch(
        "SELECT order_id, extract(epoch FROM next_at - now())::float8 AS seconds FROM plans"
    )
    seconds = {str(row["order_id"]): row["seconds"] for row in rows}
    assert [seconds[plan] for plan in (chosen, *plans)] == pytest.approx([3600, 0, 10], abs=5)
