"""Reading orders: one order, its event log, its event stream, and the list."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import httpx
import orjson
import pytest

from app.api.routes import order_stream
from app.api.schemas import Accepted, Answer, Event, OrderPage, OrderSnapshot
from tests.engine import HAPPY, Engine, eventually
from tests.fakes import After, ScriptedChain, ScriptedVenue

pytestmark = pytest.mark.usefixtures("primed_queue")

UNKNOWN = "01a1fcdd-4c14-773b-8d77-909b122b0037"
MINT = {
    "SOL": "So11111111111111111111111111111111111111112",
    "USDC": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
}
AS_STREAM = {"Accept": "text/event-stream"}


def matches_schema(answer: dict[str, Any], shape: type[Answer]) -> bool:
    """It has every required field of the schema, and no other fields."""
    fields = shape.model_fields.values()
    required = {field.alias for field in fields if field.is_required()}
    return required <= set(answer) <= {field.alias for field in fields}


async def server_sent_events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """The id and data of each event of an event stream. A comment comes as ("", its text)."""
    name = ""
    async for line in response.aiter_lines():
        if line.startswith("id: "):
            name = line.removeprefix("id: ")
        elif line.startswith("data: "):
            yield name, orjson.loads(line.removeprefix("data: "))
        elif line.startswith(":"):
            yield "", line


async def test_an_order_is_one_flat_object_with_its_log(engine: Engine) -> None:
    await engine.start_worker()
    placed = await engine.place(
        tokenIn=MINT["SOL"], amount="1.500", slippageBps=100, clientOrderId="mine", expiresInSeconds=0
    )
    assert matches_schema(placed, Accepted)
    await engine.read_stream(placed["orderId"])
    order = await engine.order(placed["orderId"])
    assert matches_schema(order, OrderSnapshot)
    assert (order["tokenIn"], order["tokenOut"], order["amount"]) == ("SOL", "USDC", "1.5")
    assert (order["status"], order["seq"], order["attempt"]) == ("confirmed", 5, 1)
    assert (order["slippageBps"], order["clientOrderId"], order["expiresAt"]) == (100, "mine", None)
    assert order["wsUrl"] == placed["wsUrl"]
    assert order["statusEndpoint"] == placed["statusEndpoint"]
    assert order["createdAt"] == placed["createdAt"] == order["events"][0]["at"]
    assert [event["status"] for event in order["events"]] == HAPPY
    assert matches_schema(order["events"][0], Event)
    assert (await engine.http.get(f"/api/orders/{placed['orderId'].upper()}")).json() == order


async def test_amounts_keep_all_their_digits(engine: Engine) -> None:
    for text in ("123456789.123456789", '"123456789.123456789"'):
        body = f'{{"tokenIn":"SOL","tokenOut":"USDC","amount":{text}}}'
        json = {"Content-Type": "application/json"}
        placed = await engine.http.post("/api/orders/execute", content=body, headers=json)
        order = await engine.http.get(placed.headers["location"])
        assert order.json()["amount"] == "123456789.123456789"


async def test_an_unknown_order_is_a_404(engine: Engine) -> None:
    for path in ("", "/events"):
        for order in (UNKNOWN, "mine"):
            answer = await engine.http.get(f"/api/orders/{order}{path}", headers=AS_STREAM)
            assert answer.status_code == 404
            assert answer.json()["code"] == "unknown_order"


async def test_a_valid_request_id_is_kept_and_an_invalid_one_replaced(engine: Engine) -> None:
    given = await engine.http.get(f"/api/orders/{UNKNOWN}", headers={"x-request-id": "trace-1.a_B"})
    assert given.headers["x-request-id"] == given.json()["requestId"] == "trace-1.a_B"
    for unusable in ("a b", "x" * 65, "<script>", ""):
        made = await engine.http.get("/health/live", headers={"x-request-id": unusable})
        assert made.headers["x-request-id"] not in (unusable, "")


async def test_the_log_of_an_order_can_be_read_from_any_event(engine: Engine) -> None:
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    expected = (await engine.read_stream(order)).log
    for after in range(7):
        answer = await engine.http.get(f"/api/orders/{order}/events", params={"after": after})
        assert answer.json() == expected[after:]


async def test_server_sent_events_arrive_live_and_end_with_the_order(engine: Engine) -> None:
    go = asyncio.Event()
    await engine.start_worker(venues=[ScriptedVenue("raydium", [After(go, 200_000_000)])], chain=ScriptedChain())
    order = (await engine.place())["orderId"]
    received: list[tuple[str, Any]] = []
    async with asyncio.timeout(10), engine.http.stream("GET", f"/api/orders/{order}/events", headers=AS_STREAM) as live:
        assert live.headers["content-type"].startswith("text/event-stream")
        async for name, event in server_sent_events(live):
            received.append((name, event))
            if event["status"] == "routing":
                go.set()  # the order only goes on because this event arrived before its end
    assert [event["status"] for _, event in received] == HAPPY
    assert [name for name, _ in received] == ["1", "2", "3", "4", "5"]
    assert [event for _, event in received] == (await engine.order(order))["events"]


async def test_server_sent_events_resume_after_the_last_event_id(engine: Engine) -> None:
    await engine.start_worker()
    order = (await engine.place())["orderId"]
    await engine.read_stream(order)
    url = f"/api/orders/{order}/events"
    for seen in range(5):
        resumed = await engine.http.get(url, params={"after": 0}, headers=AS_STREAM | {"Last-Event-ID": str(seen)})
        assert [line for line in resumed.text.splitlines() if line.startswith("id:")] == [
            f"id: {seq}" for seq in range(seen + 1, 6)
        ]
    # An EventSource reconnects after every end. 204 makes it stop.
    for seen in (5, 99):
        over = await engine.http.get(url, params={"after": seen}, headers=AS_STREAM)
        assert (over.status_code, over.content) == (204, b"")


async def test_a_quiet_event_stream_sends_keepalives(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_stream, "KEEPALIVE_SECONDS", 0.05)
    order = (await engine.place())["orderId"]
    url = f"/api/orders/{order}/events"
    async with asyncio.timeout(10), engine.http.stream("GET", url, params={"after": 99}, headers=AS_STREAM) as live:
        stream = server_sent_events(live)
        assert [await anext(stream) for _ in range(3)] == [("", ": keepalive")] * 3
        await engine.http.post(f"/api/orders/{order}/cancel")
        statuses = [event["status"] async for _, event in stream if isinstance(event, dict)]
    assert statuses == ["cancelled"]


async def test_the_list_is_newest_first_and_filtered(engine: Engine) -> None:
    await engine.start_worker(
        venues=[ScriptedVenue("raydium", [200_000_000]), ScriptedVenue("meteora", [200_000_000])], chain=ScriptedChain()
    )
    sell = await engine.place(venues=["meteora"])
    buy = await engine.place(tokenIn="USDC", tokenOut="SOL", amount="20", venues=["raydium"])
    for order in (sell, buy):
        await engine.read_stream(order["orderId"])
    await engine.hold_starts()
    waiting = await engine.place(tokenIn="RAY", tokenOut="USDC")

    async def listed(**query: Any) -> list[str]:
        answer = await engine.http.get("/api/orders", params=query)
        assert answer.status_code == 200, answer.text
        assert matches_schema(answer.json(), OrderPage)
        return [order["orderId"] for order in answer.json()["orders"]]

    newest, middle, oldest = waiting["orderId"], buy["orderId"], sell["orderId"]
    assert await listed() == [newest, middle, oldest]
    assert await listed(status="confirmed") == [middle, oldest]
    assert await listed(status="pending") == [newest]
    assert await listed(status="failed") == []
    assert await listed(tokenIn="SOL") == await listed(tokenIn=MINT["SOL"]) == [oldest]
    assert await listed(tokenOut=MINT["USDC"]) == await listed(tokenOut="USDC") == [newest, oldest]
    assert await listed(venue="raydium") == [middle]
    assert await listed(venue="meteora", status="confirmed", tokenIn="SOL", tokenOut="USDC") == [oldest]
    assert await listed(limit=1) == [newest]
    assert await listed(**{"from": buy["createdAt"]}) == [newest, middle]
    assert await listed(before=buy["createdAt"]) == [oldest]
    assert await listed(**{"from": buy["createdAt"]}, before=waiting["createdAt"]) == [middle]
    for moment in ("0001-01-01T00:00:00+10:00", "yesterday", "2027-01-31T00:00:00"):
        assert (await engine.http.get("/api/orders", params={"before": moment})).status_code == 422, moment
    shown = (await engine.http.get("/api/orders", params={"venue": "raydium"})).json()["orders"][0]
    snapshot = await engine.order(middle)
    assert shown == {name: value for name, value in snapshot.items() if name in shown}


async def test_pages_neither_skip_nor_repeat_orders_while_new_ones_arrive(engine: Engine) -> None:
    first = [(await engine.place())["orderId"] for _ in range(20)]
    # Some orders have the same time; then the id decides.
    await engine.postgres.execute(
        "UPDATE orders SET created_at = (SELECT max(created_at) FROM orders) WHERE id = ANY($1::uuid[])", first[10:]
    )
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await engine.http.get("/api/orders", params=query)).json()
        seen += [order["orderId"] for order in page["orders"]]
        if (cursor := page["nextCursor"]) is None:
            break
        await engine.place()
    assert seen == sorted(first, reverse=True)
    assert all(newer > older for newer, older in pairwise(seen))


async def test_an_exactly_full_last_page_has_no_next_cursor(engine: Engine) -> None:
    for _ in range(3):
        await engine.place()
    page = (await engine.http.get("/api/orders", params={"limit": 3})).json()
    assert len(page["orders"]) == 3
    assert page["nextCursor"] is None


async def test_an_order_and_its_log_are_consistent_while_it_runs(engine: Engine) -> None:
    await engine.start_worker()
    orders = [(await engine.place())["orderId"] for _ in range(5)]

    async def all_ended() -> bool:
        found = await asyncio.gather(*(engine.order(order) for order in orders))
        for order in found:
            assert [event["seq"] for event in order["events"]] == list(range(1, order["seq"] + 1))
            assert order["events"][-1]["status"] == order["status"]
        return all(order["status"] == "confirmed" for order in found)

    await eventually(all_ended)
