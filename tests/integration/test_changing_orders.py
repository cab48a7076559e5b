"""Amending an order that waits, and cancelling many orders at once."""

import asyncio
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.api.routes.waiting import changes
from app.orders.reconciling.state import begin
from app.orders.store.open_orders import PAGE
from tests.engine import Engine, eventually
from tests.integration.test_waiting_orders import LIMIT, PAIR, STOP, trigger_rows
from tests.waiting import place_open, statuses

pytestmark = pytest.mark.usefixtures("primed_queue")


async def patch(engine: Engine, order: str, seq: int | None, **fields: Any) -> tuple[int, dict[str, Any]]:
    headers = {} if seq is None else {"If-Match": f'"{seq}"'}
    answer = await engine.http.patch(f"/api/orders/{order}", json=fields, headers=headers)
    return answer.status_code, answer.json()


async def test_an_amended_limit_order_waits_for_its_new_price_at_its_new_floor(engine: Engine) -> None:
    order = (await engine.place(**LIMIT))["orderId"]
    status, amended = await patch(engine, order, 1, limitPrice="200000", expiresAt="2027-06-01T00:00:00Z")
    assert (status, amended["seq"], amended["limitPrice"], amended["timeInForce"]) == (200, 2, "200000", "gtd")
    [row] = await trigger_rows(engine)
    assert row["level"] == row["base_level"] == Decimal(200_000)
    assert await engine.postgres.fetchval("SELECT limit_out FROM orders") == 300_000_000_000
    events = (await engine.order(order))["events"]
    assert [event["status"] for event in events] == ["open", "open"]
    assert (events[1]["code"], events[1]["limitPrice"]) == ("amended", "200000")


async def test_part_of_a_trigger_is_amended_and_the_rest_stays(engine: Engine) -> None:
    order = (await engine.place(**STOP))["orderId"]
    status, amended = await patch(engine, order, 1, trigger={"persistSlots": 5})
    assert (status, amended["trigger"]["price"], amended["trigger"]["persistSlots"]) == (200, "1", 5)


async def test_an_order_is_not_amended_unless_it_is_as_the_client_knows_it(engine: Engine) -> None:
    order = (await engine.place(**LIMIT))["orderId"]
    assert (await patch(engine, order, None, limitPrice="2"))[1]["code"] == "precondition_required"
    assert (await patch(engine, order, 7, limitPrice="2"))[1]["code"] == "order_changed"
    assert (await patch(engine, order, 1, limitPrice="1"))[1]["code"] == "price_band"
    assert (await patch(engine, order, 1, amount="2"))[1]["errors"][0]["pointer"] == "/amount"
    assert (await patch(engine, order, 1, trigger={"price": "2"}))[0] == 422
    assert (await patch(engine, order, 1))[0] == 422
    market = (await engine.place())["orderId"]
    assert (await patch(engine, market, 1, limitPrice="2"))[1]["code"] == "not_amendable"
    assert (await engine.order(order))["seq"] == 1


async def test_of_several_amendments_at_once_one_is_made(engine: Engine) -> None:
    order = (await engine.place(**LIMIT))["orderId"]
    answers = await asyncio.gather(*(patch(engine, order, 1, limitPrice=str(200_000 + n)) for n in range(8)))
    assert sorted(status for status, _ in answers) == [200, *[412] * 7]
    assert (await engine.order(order))["seq"] == 2


async def test_an_order_whose_time_has_run_out_is_not_amended(engine: Engine) -> None:
    """No watcher has ended it yet."""
    order = (await engine.place(**LIMIT, expiresInSeconds=3600))["orderId"]
    await engine.postgres.execute("UPDATE orders SET expires_at = now() - interval '1 s'")
    assert (await patch(engine, order, 1, expiresAt="2027-06-01T00:00:00Z"))[1]["code"] == "order_changed"


async def test_amending_an_order_does_not_end_its_wait_before_the_next_attempt(engine: Engine) -> None:
    order = (await engine.place(**LIMIT))["orderId"]
    await engine.postgres.execute("UPDATE triggers SET look_at = now() + interval '1 minute'")
    waits = "SELECT look_at IS NOT NULL FROM triggers"
    await patch(engine, order, 1, slippageBps=9)
    assert await engine.postgres.fetchval(waits)
    await patch(engine, order, 2, limitPrice="200000")
    assert not await engine.postgres.fetchval(waits)


async def test_an_order_whose_log_is_full_can_only_be_cancelled(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MAX_EVENTS", 3)
    order = (await engine.place(**LIMIT))["orderId"]
    for seq in (1, 2):
        assert (await patch(engine, order, seq, limitPrice=str(200_000 + seq)))[0] == 200
    status, answer = await patch(engine, order, 3, limitPrice="300000")
    assert (status, answer["code"]) == (409, "log_full")
    assert (await engine.http.post(f"/api/orders/{order}/cancel")).json()["status"] == "cancelled"


async def test_no_order_is_amended_while_the_engine_reconciles(engine: Engine) -> None:
    """It may be filled."""
    order = (await engine.place(**LIMIT))["orderId"]
    await begin(engine.postgres, "a test")
    status, answer = await patch(engine, order, 1, limitPrice="200000")
    assert (status, answer["code"]) == (503, "not_reconciled")
    await engine.postgres.execute("UPDATE trading_states SET state = 'active'")
    assert (await patch(engine, order, 1, limitPrice="200000"))[0] == 200


async def test_an_order_for_at_once_is_not_amended_into_one_that_waits(engine: Engine) -> None:
    order = (await engine.place(**LIMIT, timeInForce="ioc"))["orderId"]
    assert (await patch(engine, order, 1, limitPrice="2"))[1]["code"] == "not_amendable"


async def test_all_orders_of_a_type_are_cancelled_and_the_others_stay(engine: Engine) -> None:
    limits = [(await engine.place(**LIMIT, clientOrderId=str(n)))["orderId"] for n in range(3)]
    stop, market = (await engine.place(**STOP))["orderId"], (await engine.place(**PAIR))["orderId"]
    answer = await engine.http.post("/api/orders/cancel-all", json={"orderType": "limit"})
    assert (answer.status_code, answer.json()) == (200, {"cancelled": 3})
    for order in limits:
        assert (await engine.read_stream(order)).statuses == ["open", "cancelled"]
    assert [row["order_type"] for row in await trigger_rows(engine)] == ["stop"]
    assert (await engine.http.post("/api/orders/cancel-all", json={"tokenOut": "BONK"})).json() == {"cancelled": 0}
    assert (await engine.http.post("/api/orders/cancel-all", json={})).json() == {"cancelled": 2}
    for order in (stop, market):
        assert (await engine.order(order))["status"] == "cancelled"


async def test_an_order_that_somebody_has_locked_keeps_no_other_from_being_cancelled(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.orders.changes.LOCKED_SECONDS", 0.1)
    locked, other = [(await engine.place(**LIMIT, clientOrderId=str(n)))["orderId"] for n in range(2)]
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", UUID(locked))
        answer = await engine.http.post("/api/orders/cancel-all", json={}, timeout=5)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert [(await engine.order(order))["status"] for order in (locked, other)] == ["open", "cancelled"]
    assert (await engine.http.post("/api/orders/cancel-all", json={})).json() == {"cancelled": 1}


async def test_who_cancels_all_several_times_at_once_locks_out_nobody(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.orders.changes.LOCKED_SECONDS", 0.0)
    await place_open(engine.postgres, ["140"] * (PAGE + 1), owner="local")
    calls = (engine.http.post("/api/orders/cancel-all", json={}, timeout=20) for _ in range(8))
    answers = await asyncio.gather(*calls)
    assert [answer.status_code for answer in answers] == [200] * 8
    assert sorted(answer.json()["cancelled"] for answer in answers) == [0] * 7 + [PAGE + 1]


async def test_a_cancel_that_waits_for_a_locked_order_holds_up_no_other_cancel(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.orders.changes.LOCKED_SECONDS", 3_600.0)
    locked, other = [(await engine.place(**LIMIT, clientOrderId=str(n)))["orderId"] for n in range(2)]
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", UUID(locked))
        first = asyncio.create_task(engine.http.post("/api/orders/cancel-all", json={}, timeout=60))
        await eventually(lambda: is_cancelled(engine, other))
        assert (await engine.http.post("/api/orders/cancel-all", json={"tokenOut": "BONK"})).json() == {"cancelled": 0}
        assert not first.done()
    assert (await first).json() == {"cancelled": 2}


async def is_cancelled(engine: Engine, order: str) -> bool:
    return bool((await engine.order(order))["status"] == "cancelled")


async def test_a_whole_page_that_somebody_has_locked_keeps_no_other_from_being_cancelled(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.orders.changes.LOCKED_SECONDS", 0.1)
    locked = await place_open(engine.postgres, ["140"] * PAGE, owner="local")
    [other] = await place_open(engine.postgres, ["140"], owner="local")
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM orders WHERE id = ANY($1) FOR UPDATE", locked)
        assert (await engine.http.post("/api/orders/cancel-all", json={}, timeout=5)).status_code == 503
    assert await statuses(engine.postgres, [locked[0], other]) == ["open", "cancelled"]


async def test_what_cannot_be_selected_is_refused(engine: Engine) -> None:
    for fields in ({"orderTyp": "limit"}, {"orderType": "limt"}, {"tokenIn": "nothing"}):
        assert (await engine.http.post("/api/orders/cancel-all", json=fields)).status_code == 422
