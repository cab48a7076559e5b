"""A worker writes an order only while it holds it, also if the database has forgotten that another one ever did."""

import time
from uuid import UUID

import pytest

from app.orders.lifecycle import Status
from app.orders.model import LeaseLost, Order
from app.orders.steps import Move
from app.orders.store.writes import OrderStore
from tests.dump import dump, restore
from tests.engine import Engine


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
