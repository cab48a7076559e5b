"""One cancels the other: of a group one order is filled at most."""

from typing import Any
from uuid import UUID

import pytest

from app.orders.waiting.groups import Groups
from tests.engine import Engine, eventually, running_engine
from tests.integration.test_waiting_orders import LIMIT, STOP, TAKE_PROFIT, refused_at, trigger_rows
from tests.integration.test_watcher import Market, market, watching

__all__ = ["market"]
pytestmark = pytest.mark.usefixtures("primed_queue")

URL = "/api/order-groups"
OCO: dict[str, Any] = {"type": "oco", "legs": [TAKE_PROFIT, {**STOP, "trigger": {"price": "140"}}]}


async def place(engine: Engine, body: dict[str, Any] = OCO, **headers: str) -> dict[str, Any]:
    answer = await engine.http.post(
        URL, json=body, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )
    assert answer.status_code in (200, 202), answer.text
    placed: dict[str, Any] = answer.json()
    return placed


async def statuses(engine: Engine, group: dict[str, Any]) -> list[str]:
    orders = (await engine.http.get(f"{URL}/{group['groupId']}")).json()["orders"]
    by_id = {order["orderId"]: order["status"] for order in orders}
    return [by_id[order["orderId"]] for order in group["orders"]]


async def armed(engine: Engine) -> list[bool]:
    return [row["armed"] for row in await engine.postgres.fetch("SELECT armed FROM triggers ORDER BY rank DESC")]


async def test_both_orders_of_a_group_wait_and_one_key_makes_one_group(engine: Engine) -> None:
    group = await place(engine, Idempotency_Key="one")
    assert await statuses(engine, group) == ["open", "open"]
    again = await place(engine, Idempotency_Key="one")
    assert (again["idempotent"], again["groupId"]) == (True, group["groupId"])
    assert {order["orderId"] for order in again["orders"]} == {order["orderId"] for order in group["orders"]}
    other = {**OCO, "legs": [TAKE_PROFIT, {**STOP, "trigger": {"price": "141"}}]}
    answer = await engine.http.post(URL, json=other, headers={"Idempotency-Key": "one"})
    assert answer.json()["code"] == "key_reused"
    assert await engine.postgres.fetchval("SELECT count(*) FROM orders") == 2


async def test_a_row_of_a_day_that_somebody_has_locked_stops_no_group(engine: Engine) -> None:
    await place(engine)
    async with engine.postgres.acquire() as somebody, somebody.transaction():
        await somebody.execute("SELECT FROM daily_volumes FOR UPDATE")
        await place(engine)
    assert await engine.postgres.fetchval("SELECT count(*) FROM daily_volumes") == 2


NO_GROUP: list[tuple[list[dict[str, Any]], str, list[str]]] = [
    ([TAKE_PROFIT], "invalid_order", ["/type"]),
    ([TAKE_PROFIT, LIMIT], "invalid_order", ["/legs/1/orderType"]),
    ([STOP, STOP], "group_shape", []),
    ([TAKE_PROFIT, {**STOP, "amount": "2"}], "group_shape", []),
    (
        [TAKE_PROFIT, {**STOP, "trigger": {"price": "100000"}}],
        "would_trigger_immediately",
        ["/legs/1/trigger/price"],
    ),
]


async def test_what_is_no_group_is_refused(engine: Engine) -> None:
    for legs, code, pointers in NO_GROUP:
        assert await refused_at(engine, URL, {"type": "oco", "legs": legs}) == (422, code, pointers), legs
    assert await engine.postgres.fetchval("SELECT count(*) FROM order_groups") == 0


async def test_the_order_that_is_filled_cancels_the_other(engine: Engine, market: Market) -> None:
    await engine.start_worker()
    async with watching(engine, market):
        group = await place(
            engine, {**OCO, "legs": [TAKE_PROFIT, {**STOP, "trigger": {"price": "130"}, "limitPrice": "1"}]}
        )
        market.mids = {"meteora": "129", "raydium": "129.5"}
        profit, stop = (order["orderId"] for order in group["orders"])
        assert (await engine.read_stream(stop)).statuses[-1] == "confirmed"
        stream = await engine.read_stream(profit)
    assert (stream.statuses, stream.events[-1]["code"]) == (["open", "cancelled"], "sibling_filled")
    assert await armed(engine) == []


async def test_the_other_order_is_held_while_one_is_under_way_and_waits_again_after_it(
    engine: Engine, market: Market
) -> None:
    groups = Groups(engine.postgres)
    async with watching(engine, market):
        group = await place(engine)
        market.mids = {"meteora": "139", "raydium": "139.5"}

        async def fired() -> bool:
            return await statuses(engine, group) == ["open", "pending"]

        await eventually(fired)
        assert await armed(engine) == [False]
        assert await groups.settle() == (0, [])
    profit, stop = (order["orderId"] for order in group["orders"])
    amended = await engine.http.patch(f"/api/orders/{profit}", json={"slippageBps": 9}, headers={"If-Match": "1"})
    assert amended.status_code == 412
    assert (await engine.http.post(f"/api/orders/{stop}/cancel")).status_code == 200
    assert (await groups.settle())[0] == 1
    assert await armed(engine) == [True]
    assert await statuses(engine, group) == ["open", "cancelled"]


async def test_a_group_is_cancelled_as_one(engine: Engine) -> None:
    group = await place(engine)
    await engine.place(**LIMIT)
    answer = await engine.http.post("/api/orders/cancel-all", json={"groupId": group["groupId"]})
    assert answer.json() == {"cancelled": 2}
    assert await statuses(engine, group) == ["cancelled", "cancelled"]


BRACKET: dict[str, Any] = {
    "type": "bracket",
    "entry": {"tokenIn": "USDC", "tokenOut": "SOL", "amount": "150", "limitPrice": "0.007"},
    "takeProfit": {"price": "100000"},
    "stopLoss": {"price": "130", "limitPrice": "1"},
}


async def test_a_bracket_lists_its_entry_first_and_its_stop_last(engine: Engine) -> None:
    for _ in range(5):  # the ids of one millisecond are in no order
        placed = await place(engine, BRACKET)
        listed = (await engine.http.get(f"{URL}/{placed['groupId']}")).json()["orders"]
        assert [order["orderType"] for order in listed] == ["limit", "take_profit", "stop"]
        assert [order["orderId"] for order in listed] == [order["orderId"] for order in placed["orders"]]


async def fill(engine: Engine, order: str, amount_out: int) -> None:
    await engine.postgres.execute(
        "WITH gone AS (DELETE FROM triggers WHERE order_id = $1) UPDATE orders SET status = 'pending' WHERE id = $1",
        UUID(order),
    )
    for status in ("routing", "building", "submitted", "confirmed"):
        sql = "UPDATE orders SET status = $2, tx_hash = '', amount_out = $3 WHERE id = $1"
        await engine.postgres.execute(sql, UUID(order), status, amount_out)


async def test_the_fill_of_an_entry_arms_the_others_with_what_it_brought(engine: Engine) -> None:
    bracket = await place(engine, BRACKET)
    entry, profit, stop = (order["orderId"] for order in bracket["orders"])
    held = {str(row["order_id"]): (row["group_id"] is not None, row["armed"]) for row in await trigger_rows(engine)}
    assert held == {entry: (False, True), profit: (True, False), stop: (True, False)}
    groups = Groups(engine.postgres)
    assert await groups.settle() == (0, [])
    await fill(engine, entry, 1_100_000_000)
    settled, moved = await groups.settle()
    assert settled == 1
    assert sorted(one.event.details["code"] for one in moved) == ["entered", "entered"]
    assert await armed(engine) == [True, True]
    for order in (profit, stop):
        assert (await engine.order(order))["amount"] == "1.1"
    floor = await engine.postgres.fetchval("SELECT limit_out FROM orders WHERE id = $1", UUID(stop))
    assert 1_100_000 <= floor <= 1_100_002  # 1.1 SOL at 1 USDC
    await fill(engine, stop, 1_200_000)
    await engine.postgres.execute("UPDATE order_groups SET holder = $1", UUID(stop))
    assert (await groups.settle())[0] == 1
    assert await statuses(engine, bracket) == ["confirmed", "cancelled", "confirmed"]


async def test_the_others_end_with_an_entry_that_is_not_filled(engine: Engine) -> None:
    bracket = await place(engine, BRACKET)
    assert (await engine.http.post(f"/api/orders/{bracket['orders'][0]['orderId']}/cancel")).status_code == 200
    _, moved = await Groups(engine.postgres).settle()
    assert [one.event.details["code"] for one in moved] == ["parent_ended", "parent_ended"]
    assert await statuses(engine, bracket) == ["cancelled", "cancelled", "cancelled"]
    assert await trigger_rows(engine) == []


async def test_a_day_counts_the_entry_of_a_bracket_and_one_of_the_others(
    postgres_dsn: str, redis_dsn: str, primed_queue: None
) -> None:
    """Both may be filled; of the orders of an oco only one."""
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=100_000) as engine:
        for body in (BRACKET, OCO):
            group = UUID((await place(engine, body))["groupId"])
            values = await engine.postgres.fetch(
                "SELECT usd_value FROM orders o JOIN order_groups g ON g.id = o.group_id WHERE g.id = $1"
                " ORDER BY o.id IS DISTINCT FROM g.entry",
                group,
            )
            entry, *others = [int(row["usd_value"]) for row in values]
            counted = await engine.postgres.fetchval("DELETE FROM daily_volumes RETURNING usd")
            assert counted == (entry + max(others) if body is BRACKET else max(entry, *others))
    async with running_engine(postgres_dsn, redis_dsn, max_daily_usd=200) as engine:
        assert (await refused_at(engine, URL, BRACKET))[:2] == (429, "risk_limit")


async def test_the_prices_of_a_bracket_lie_on_both_sides_of_its_entry(engine: Engine) -> None:
    for leg, price in (("stopLoss", "150"), ("takeProfit", "140")):
        body = {**BRACKET, leg: {"price": price}}
        assert await refused_at(engine, URL, body) == (422, "group_shape", [f"/{leg}/price"])
    body = {**BRACKET, "stopLoss": {"price": "0"}}
    assert await refused_at(engine, URL, body) == (422, "invalid_order", ["/stopLoss/price"])
    assert (await refused_at(engine, URL, {**BRACKET, "more": 1}))[:2] == (422, "invalid_order")
