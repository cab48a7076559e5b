"""Orders that are executed in slices: each slice is an order of its own, and happens once."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.orders.store import daily_volumes, placing
from app.orders.waiting.plans import Decision, PlanStore
from app.postgres.running import fetch
from tests.engine import Engine, eventually
from tests.integration.test_query_plans import scans
from tests.integration.test_waiting_orders import PAIR, refused
from tests.integration.test_watcher import Market, market, watching

__all__ = ["market"]
pytestmark = pytest.mark.usefixtures("primed_queue")

DCA: dict[str, Any] = {**PAIR, "amount": "1.0000001", "orderType": "dca", "schedule": {"slices": 3, "everySeconds": 10}}
SCALE = Decimal("0.001")


async def make_due(engine: Engine, *, seconds: int = 0) -> None:
    await engine.postgres.execute("UPDATE plans SET next_at = now() - $1 * interval '1 second'", seconds)


async def end_slices(engine: Engine) -> None:
    await engine.postgres.execute(
        "UPDATE orders SET status = 'expired' WHERE parent_id IS NOT NULL AND status = 'pending'"
    )


async def slices(engine: Engine, parent: str) -> list[Any]:
    rows = await engine.postgres.fetch(
        "SELECT slice, amount_in, status FROM orders WHERE parent_id = $1 ORDER BY slice", UUID(parent)
    )
    return [(row["slice"], int(row["amount_in"]), row["status"]) for row in rows]


async def make(store: PlanStore, *, skip: bool = False) -> int:
    return len(await store.make([Decision(due, skip, SCALE) for due in await store.due()]))


async def test_an_order_is_executed_in_equal_slices_and_the_last_takes_the_rest(engine: Engine, market: Market) -> None:
    await engine.start_worker()
    parent = (await engine.place(**DCA))["orderId"]
    async with watching(engine, market):
        for made in (1, 2, 3):
            await make_due(engine)
            await eventually(partial(_filled, engine, parent, made))
        stream = await engine.read_stream(parent)
    assert stream.statuses == ["open", "completed"]
    third = 333_333_366
    assert await slices(engine, parent) == [(n, third + (n == 3) * 2, "confirmed") for n in (1, 2, 3)]
    order = await engine.order(parent)
    assert order["slices"] == {"total": 3, "filled": 3, "failed": 0, "skipped": 0, "nextAt": None}
    assert order["filledIn"] == "1.0000001"
    listed = (await engine.http.get("/api/orders", params={"status": "completed"})).json()["orders"]
    assert [(one["slices"], one["filledOut"]) for one in listed] == [(order["slices"], order["filledOut"])]
    assert order["avgPrice"] == pytest.approx(float(order["filledOut"]) / 1.0000001, rel=1e-6)


async def _filled(engine: Engine, parent: str, slices: int) -> bool:
    return bool((await engine.order(parent))["slices"]["filled"] == slices)


async def test_several_watchers_make_each_slice_once(engine: Engine) -> None:
    parents = [(await engine.place(**DCA, clientOrderId=str(n)))["orderId"] for n in range(5)]
    stores = [PlanStore(engine.postgres, max_age=4.0) for _ in range(4)]
    for _ in range(3):
        await end_slices(engine)
        await make_due(engine)
        for _ in range(3):
            await asyncio.gather(*(make(store) for store in stores))
    for parent in parents:
        assert [number for number, _, _ in await slices(engine, parent)] == [1, 2, 3]


async def test_a_slice_that_is_made_again_after_a_restore_is_the_same_order(engine: Engine) -> None:
    parent, store = (await engine.place(**DCA))["orderId"], PlanStore(engine.postgres, max_age=4.0)
    assert await make(store) == 1
    await engine.postgres.execute("UPDATE plans SET next_slice = 1, next_at = now()")
    assert await make(store) == 0
    assert [number for number, _, _ in await slices(engine, parent)] == [1]


async def test_an_owner_has_at_most_100_open_orders_in_slices_and_any_others(engine: Engine) -> None:
    batch = [DCA | {"clientOrderId": str(n)} for n in range(50)]
    for size in (50, 40, 50):  # of the last ones 10 fit
        await engine.http.post("/api/orders/batch", json={"orders": batch[:size]})
    assert await engine.postgres.fetchval("SELECT count(*) FROM plans") == 100
    assert await refused(engine, DCA) == (429, "too_many_open", [])
    await engine.place(**PAIR, orderType="limit", limitPrice="100000")
    await engine.postgres.execute(
        "UPDATE orders SET status = 'cancelled' WHERE id = (SELECT order_id FROM plans LIMIT 1)"
    )
    await engine.place(**DCA)


async def test_the_open_orders_of_an_owner_are_counted_once_for_a_batch_in_slices(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an owner with 10,000 of other types, each count reads all of them."""
    explained = list[str]()

    async def explain(pool: asyncpg.Pool, sql: str, *arguments: object) -> list[asyncpg.Record]:
        if sql == placing.PLACE_OPEN:
            async with engine.postgres.acquire() as connection:
                transaction = connection.transaction()
                await transaction.start()
                explained.append(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments))
                await transaction.rollback()
        return await fetch(pool, sql, *arguments)

    monkeypatch.setattr(daily_volumes, "fetch", explain)
    await engine.http.post("/api/orders/batch", json={"orders": [DCA | {"clientOrderId": str(n)} for n in range(20)]})
    [told] = explained
    counts = [scan for scan in scans(json.loads(told)[0]["Plan"]) if "'dca'" in scan.get("Filter", "")]
    assert sum(count["Actual Loops"] for count in counts) == 1
    assert await engine.postgres.fetchval("SELECT count(*) FROM plans") == 20


@pytest.mark.parametrize(
    ("on_miss", "expected"),
    [
        ("extend", {"next": 2, "seconds": 10, "skipped": 0}),
        ("skip", {"next": 5, "seconds": 5, "skipped": 3}),
        ("catch_up", {"next": 2, "seconds": 10, "skipped": 0}),
    ],
)
async def test_after_a_time_without_watchers_one_slice_is_made(
    engine: Engine, on_miss: str, expected: dict[str, int]
) -> None:
    schedule = {"slices": 100, "everySeconds": 10, "onMiss": on_miss}
    parent = (await engine.place(**DCA | {"amount": "100", "schedule": schedule}))["orderId"]
    await make_due(engine, seconds=35)
    assert await make(PlanStore(engine.postgres, max_age=4.0)) == 1
    assert len(await slices(engine, parent)) == 1
    row = await engine.postgres.fetchrow(
        "SELECT next_slice, skipped, extract(epoch FROM next_at - now())::float8 AS seconds FROM plans"
    )
    assert row is not None
    assert (row["next_slice"], row["skipped"]) == (expected["next"], expected["skipped"])
    assert row["seconds"] == pytest.approx(expected["seconds"], abs=1.5)


async def test_a_slice_outside_of_the_band_is_skipped(engine: Engine, market: Market) -> None:
    parent = (await engine.place(**DCA | {"priceBand": {"max": "140"}}))["orderId"]
    async with watching(engine, market):
        await eventually(partial(_skipped, engine, parent))
    assert await slices(engine, parent) == []


async def test_a_slice_with_a_band_waits_while_a_watcher_has_no_price(engine: Engine, market: Market) -> None:
    parent = (await engine.place(**DCA | {"priceBand": {"max": "160"}}))["orderId"]
    other = (await engine.place(**DCA))["orderId"]
    mids, market.mids = market.mids, {}
    async with watching(engine, market):

        async def made(order: str) -> bool:
            return [number for number, _, _ in await slices(engine, order)] == [1]

        await eventually(partial(made, other))
        plan = "SELECT next_slice, skipped FROM plans WHERE order_id = $1"
        assert tuple(await engine.postgres.fetchrow(plan, UUID(parent)) or ()) == (1, 0)
        market.mids = mids
        await eventually(partial(made, parent))
    assert tuple(await engine.postgres.fetchrow(plan, UUID(parent)) or ()) == (2, 0)


async def _skipped(engine: Engine, parent: str) -> bool:
    return bool((await engine.order(parent))["slices"]["skipped"] == 1)


async def test_a_watcher_that_was_frozen_since_it_saw_the_price_makes_and_skips_no_slice(engine: Engine) -> None:
    await engine.place(**DCA)
    store = PlanStore(engine.postgres, max_age=4.0)
    [due] = await store.due()
    for skip in (False, True):
        assert await store.make([Decision(replace(due, now=due.now - timedelta(seconds=5)), skip, SCALE)]) == []
    assert await engine.postgres.fetchval("SELECT next_slice FROM plans") == 1
    assert await make(store) == 1


async def test_a_halt_makes_no_slices(engine: Engine) -> None:
    await engine.place(**DCA)
    store = PlanStore(engine.postgres, max_age=4.0)
    [due] = await store.due()
    await engine.postgres.execute(
        "INSERT INTO trading_states (scope, state, reason, set_by, set_at) VALUES ('*', 'reducing', '', '', now())"
    )
    assert await store.make([Decision(due, False, SCALE)]) == []  # it was looked up before the halt
    assert await store.due() == []


NO_PLAN: list[tuple[dict[str, Any], str]] = [
    ({"schedule": {"slices": 1, "everySeconds": 10}}, "schedule_range"),
    ({"schedule": {"slices": 1001, "everySeconds": 10}}, "schedule_range"),
    ({"schedule": {"slices": 2, "everySeconds": 9}}, "schedule_range"),
    ({"schedule": {"slices": 1000, "everySeconds": 10}}, "min_notional"),
    ({"schedule": {"slices": 2}}, "invalid_order"),
    ({"priceBand": {"min": "2", "max": "1"}}, "invalid_order"),
    ({"limitPrice": "2"}, "invalid_order"),
    ({"amount": "0.000000002"}, "invalid_order"),
    ({"priceBand": {"min": "99999999999999999999"}}, "invalid_order"),
]


async def test_what_is_no_plan_is_refused(engine: Engine) -> None:
    for changes, code in NO_PLAN:
        assert (await refused(engine, DCA | changes))[:2] == (422, code), changes
