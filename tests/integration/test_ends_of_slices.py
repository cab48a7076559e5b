"""How an order in slices ends, and what becomes of the slice that is under way."""

from typing import Any

import pytest

from app.dex.chain import Outcome
from app.orders.waiting.plans import PlanStore
from tests.engine import Engine, eventually
from tests.fakes import ScriptedChain, ScriptedVenue
from tests.integration.test_slices import DCA, make, make_due, slices

pytestmark = pytest.mark.usefixtures("primed_queue")


async def test_a_slice_that_has_not_started_ends_with_its_parent(engine: Engine) -> None:
    parent = (await engine.place(**DCA))["orderId"]
    store = PlanStore(engine.postgres, max_age=4.0)
    assert await make(store) == 1
    assert (await engine.http.post(f"/api/orders/{parent}/cancel")).status_code == 200
    assert (await engine.order(parent))["slices"]["nextAt"] is None
    assert [moved.event.details["code"] for moved in await store.finish()] == ["parent_ended"]
    assert [status for _, _, status in await slices(engine, parent)] == ["cancelled"]
    assert await engine.postgres.fetchval("SELECT count(*) FROM plans") == 0
    assert await make(store) == 0


async def test_a_slice_whose_swap_was_sent_trades_no_more_after_its_parent_once_that_is_dead(engine: Engine) -> None:
    chain = ScriptedChain([None])
    await engine.start_worker(venues=[ScriptedVenue("raydium", [10**12])], chain=chain)
    parent, store = (await engine.place(**DCA))["orderId"], PlanStore(engine.postgres, max_age=4.0)
    await make(store)
    await engine.postgres.execute("UPDATE orders SET look_at = now() WHERE status = 'pending'")

    async def sent() -> Any:
        return await engine.postgres.fetchval("SELECT id FROM orders WHERE status = 'submitted'")

    part = str(await eventually(sent))
    assert (await engine.http.post(f"/api/orders/{parent}/cancel")).json()["status"] == "cancelled"
    assert await store.finish() == []
    assert await engine.postgres.fetchval("SELECT count(*) FROM plans") == 0
    chain.outcomes[chain.sends[0].signature] = Outcome("failed", chain.slot, code="slippage_exceeded")
    last = (await engine.read_stream(part)).events[-1]
    assert (last["status"], last["code"]) == ("cancelled", "parent_ended")


async def test_a_parent_none_of_whose_slices_was_filled_has_failed(engine: Engine) -> None:
    parent = (await engine.place(**DCA | {"schedule": {"slices": 2, "everySeconds": 10}}))["orderId"]
    store = PlanStore(engine.postgres, max_age=4.0)
    for _ in range(2):
        await make_due(engine)
        await make(store, skip=True)
    [moved] = await store.finish()
    assert (str(moved.event.order_id), moved.event.status, moved.event.details["code"]) == (
        *(parent, "failed"),
        "no_slice_filled",
    )
