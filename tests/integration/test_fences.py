"""A worker writes an order only while it holds it, also if the database has forgotten that another one ever did."""

import time
from typing import Any
from uuid import UUID

import pytest

from app.orders.lifecycle import Status
from app.orders.model import LeaseLost, Order
from app.orders.reconciling.state import begin
from app.orders.steps import Move, Rearm
from app.orders.store.writes import OrderStore
from tests.dump import dump, restore
from tests.engine import Engine
from tests.integration.test_rearming import fire
from tests.integration.test_waiting_orders import LIMIT
from worker.conditions import condition_again

RECONCILED = "UPDATE trading_states SET state = 'active'"


async def claimed(engine: Engine, order: str) -> Order:
    store = OrderStore(engine.postgres)
    found = await store.claim(UUID(order), start_by=time.monotonic() + 1)
    assert isinstance(found, Order)
    return found


async def test_a_worker_of_before_a_restore_does_not_write_with_a_fence_that_was_given_again(
    engine: Engine, postgres_dsn: str
) -> None:
    order = (await engine.place())["orderId"]
    before = await dump(postgres_dsn)
    first = await claimed(engine, order)
    await restore(postgres_dsn, before)
    second = await claimed(engine, order)
    assert (second.seq, second.status) == (first.seq, first.status)
    step = Move(order=first.id, fence=first.fence, seq=3, before=Status.ROUTING, after=Status.BUILDING)
    with pytest.raises(LeaseLost):
        await OrderStore(engine.postgres).advance(step)


@pytest.mark.parametrize("fence", [0, 2**30 - 1, 2**30 + 5])
async def test_the_next_fence_is_another_one_and_never_too_large(engine: Engine, fence: int) -> None:
    order = (await engine.place())["orderId"]
    await engine.postgres.execute("UPDATE orders SET fence = $1", fence)
    found = (await claimed(engine, order)).fence
    assert found != fence
    assert 0 <= found < 2**30


async def test_a_dead_swap_does_not_end_its_order_while_the_engine_reconciles(engine: Engine) -> None:
    """Another worker may have sent one since, which the database has forgotten."""
    order = await claimed(engine, (await engine.place())["orderId"])
    error, code = "the swap never landed", "tx_dropped"
    what: dict[str, Any] = {"before": Status.ROUTING, "after": Status.FAILED, "error": error, "code": code}
    step = Move(order=order.id, fence=order.fence, seq=3, **what)
    await begin(engine.postgres, "a test")
    with pytest.raises(LeaseLost):
        await OrderStore(engine.postgres).advance(step)
    await engine.postgres.execute(RECONCILED)
    event = await OrderStore(engine.postgres).advance(step)
    assert event is not None
    assert event.status is Status.FAILED


async def test_nor_does_it_cancel_one_that_waits_again(engine: Engine) -> None:
    placed = (await engine.place(**LIMIT))["orderId"]
    await fire(engine, placed)
    order = await claimed(engine, placed)
    await engine.postgres.execute("UPDATE orders SET cancel_requested = true")
    why: dict[str, Any] = {"error": "the price was lost", "code": "tx_dropped", "wait_seconds": 1.0}
    seen: dict[str, Any] = {"order": order.id, "fence": order.fence, "before": Status.ROUTING}
    step = Rearm(**seen, seq=3, trigger=condition_again(order), **why)
    await begin(engine.postgres, "a test")
    with pytest.raises(LeaseLost):
        await OrderStore(engine.postgres).rearm(step)
    await engine.postgres.execute(RECONCILED)
    assert (await OrderStore(engine.postgres).rearm(step)).status is Status.CANCELLED
