"""Somebody has locked the row of an order under way. Its worker waits for nobody, and goes on with all others."""

import asyncio
from uuid import UUID

import pytest

from app.orders.lifecycle import Status
from app.orders.model import Order
from app.orders.steps import Move, Rearm, Renewal
from app.orders.store.writes import OrderStore
from app.postgres.errors import RowLocked
from tests.engine import HAPPY, Engine, eventually
from tests.integration.test_fences import claimed
from tests.integration.test_locked_rows import locked
from tests.integration.test_rearming import fire
from tests.integration.test_waiting_orders import LIMIT
from worker import lease
from worker.conditions import condition_again

WAITS = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
ADVANCED = "UPDATE orders SET status = $2 WHERE id = $1"


@pytest.fixture
async def two(engine: Engine) -> list[Order]:
    """Started, with conditions."""
    placed = [(await engine.place(**LIMIT))["orderId"] for _ in range(2)]
    for order in placed:
        await fire(engine, order)
    return [await claimed(engine, order) for order in placed]


def move(order: Order, before: Status, after: Status) -> Move:
    gives_up = before is after
    seq = order.seq + (not gives_up)
    return Move(
        order=order.id, fence=order.fence, seq=seq, before=before, after=after, ready_in=1.0 if gives_up else None
    )


async def test_a_move_of_an_order_that_is_locked_holds_up_no_other_one(engine: Engine, two: list[Order]) -> None:
    store = OrderStore(engine.postgres)
    first, second = moves = [move(order, Status.ROUTING, Status.BUILDING) for order in two]
    async with locked(engine.postgres, "orders", "id = $1", first.order):
        refused, event = await asyncio.gather(*map(store.advance, moves), return_exceptions=True)
    assert isinstance(refused, RowLocked)
    assert event == await store.advance(second)
    written = await store.advance(first)
    assert written
    assert written.status is Status.BUILDING


async def test_what_was_not_written_is_not_taken_for_written(engine: Engine, two: list[Order]) -> None:
    """A move without an event leaves the number of the last one as it is."""
    store, order = OrderStore(engine.postgres), two[0]
    for status in (Status.BUILDING, Status.SUBMITTED):
        await engine.postgres.execute(ADVANCED, order.id, status)
    gives_up = move(order, Status.SUBMITTED, Status.SUBMITTED)
    async with locked(engine.postgres, "orders", "id = $1", order.id):
        with pytest.raises(RowLocked):
            await store.advance(gives_up)
    for _ in range(2):  # the answer may be lost
        await store.advance(gives_up)
    assert await engine.postgres.fetchval("SELECT lease_until IS NULL FROM orders WHERE id = $1", order.id)


async def test_an_order_that_is_locked_keeps_no_other_one_from_waiting_again(engine: Engine, two: list[Order]) -> None:
    store = OrderStore(engine.postgres)
    steps = [
        Rearm(
            order=order.id,
            fence=order.fence,
            seq=order.seq + 1,
            before=Status.ROUTING,
            error="lost",
            code="slippage_exceeded",
            trigger=condition_again(order),
            wait_seconds=0,
        )
        for order in two
    ]
    async with locked(engine.postgres, "orders", "id = $1", two[0].id):
        refused, event = await asyncio.gather(*map(store.rearm, steps), return_exceptions=True)
    assert isinstance(refused, RowLocked)
    assert not isinstance(event, BaseException)
    assert event.status is Status.OPEN
    assert (await store.rearm(steps[0])).status is Status.OPEN


async def test_an_order_that_is_locked_takes_no_other_one_its_lease(engine: Engine, two: list[Order]) -> None:
    store = OrderStore(engine.postgres, lease_seconds=60)
    async with locked(engine.postgres, "orders", "id = $1", two[0].id):
        await store.renew([Renewal(order.id, order.fence) for order in two])
    renewed = "SELECT id FROM orders WHERE lease_until > now() + interval '20 s'"
    assert await engine.postgres.fetchval(renewed) == two[1].id


async def test_a_worker_goes_on_with_an_order_once_it_is_no_longer_locked(engine: Engine) -> None:
    await engine.start_worker(mock_execution_ms_min=1_000, mock_execution_ms_max=1_000)
    order = (await engine.place())["orderId"]

    async def is_sent() -> bool:
        return bool((await engine.order(order))["status"] == "submitted")

    await eventually(is_sent)
    async with engine.postgres.acquire() as other_session, other_session.transaction():
        await other_session.execute("SELECT FROM orders FOR UPDATE")
        other = (await engine.place())["orderId"]
        assert (await engine.read_stream(other)).statuses == HAPPY
    assert (await engine.read_stream(order)).statuses == HAPPY


async def test_locked_orders_do_not_keep_the_slots_of_a_worker(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LOCKED_SECONDS", 0.2)
    await engine.start_worker(worker_concurrency=2, mock_execution_ms_min=500, mock_execution_ms_max=500)
    orders = [(await engine.place())["orderId"] for _ in range(2)]

    async def are_sent() -> bool:
        return bool(await engine.postgres.fetchval("SELECT bool_and(status = 'submitted') FROM orders"))

    await eventually(are_sent)
    async with engine.postgres.acquire() as other_session, other_session.transaction():
        await other_session.execute("SELECT FROM orders FOR UPDATE")
        other = (await engine.place())["orderId"]
        assert (await engine.read_stream(other)).statuses == HAPPY
    for order in orders:
        assert (await engine.read_stream(order)).statuses == HAPPY
    assert await engine.postgres.fetchval("SELECT count(*) FROM chain.transactions") == 3


async def test_cancels_and_amendments_of_a_locked_order_hold_up_nobody(engine: Engine) -> None:
    order = (await engine.place(**LIMIT))["orderId"]

    async def cancel() -> int:
        return (await engine.http.post(f"/api/orders/{order}/cancel")).status_code

    async def amend() -> int:
        change = {"limitPrice": "999"}
        answer = await engine.http.patch(f"/api/orders/{order}", json=change, headers={"If-Match": '"1"'})
        return answer.status_code

    async with locked(engine.postgres, "orders", "id = $1", UUID(order)):
        asked = [asyncio.create_task(one()) for one in (cancel, amend) for _ in range(10)]
        await eventually(lambda: engine.postgres.fetchval(WAITS))
        for _ in range(5):
            await engine.place()
    assert set(await asyncio.gather(*asked)) <= {200, 404, 409, 412}
    assert (await engine.order(order))["status"] == "cancelled"
