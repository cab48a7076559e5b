"""An order goes from POST to confirmed, and every stream gets all of its events."""

import asyncio
import json
import re
import time
from unittest.mock import AsyncMock, patch

import orjson
import pytest
import redis

from app.dex.chain import SignedSwap
from app.dex.quotes import Quote, QuoteRequest
from app.mockchain.ledger import MockChain
from app.mockchain.transaction import decode
from app.orders.events.publisher import BACKLOG
from app.orders.queue.lanes import Lane
from app.orders.queue.order_queue import LANES
from tests.engine import HAPPY, Engine, eventually, read_to_end
from tests.fakes import ScriptedChain, ScriptedVenue


async def test_a_socket_opened_before_execution_gets_exactly_five_events(engine: Engine) -> None:
    order = await engine.place()
    async with engine.socket(f"/api/orders/execute?orderId={order['orderId']}") as ws:
        reading = asyncio.create_task(read_to_end(ws))
        await engine.start_worker()
        stream = await asyncio.wait_for(reading, 10)
    assert stream.statuses == HAPPY
    assert [event["seq"] for event in stream.events] == [1, 2, 3, 4, 5]
    assert stream.code == 1000


async def test_a_socket_opened_during_execution_gets_exactly_five_events(engine: Engine) -> None:
    await engine.start_worker(mock_execution_ms_min=300, mock_execution_ms_max=300)
    order = await engine.place()

    async def submitted() -> bool:
        return bool((await engine.order(order["orderId"]))["status"] == "submitted")

    await eventually(submitted)
    stream = await engine.read_stream(order["orderId"])
    assert stream.statuses == HAPPY
    assert stream.code == 1000


async def test_a_socket_opened_after_execution_gets_exactly_five_events(engine: Engine) -> None:
    await engine.start_worker()
    order = await engine.place()
    first = await engine.read_stream(order["orderId"])
    again = await engine.read_stream(order["orderId"])
    assert first.log == again.log
    assert again.statuses == HAPPY


async def test_a_client_that_reconnects_gets_exactly_the_events_it_missed(engine: Engine) -> None:
    await engine.start_worker()
    order = await engine.place()
    await engine.read_stream(order["orderId"])
    for after in range(7):
        stream = await engine.read_stream(order["orderId"], after=after)
        assert [event["seq"] for event in stream.events] == list(range(after + 1, 6))
        assert stream.code == 1000


async def test_the_events_have_venue_quotes_and_amounts(engine: Engine) -> None:
    await engine.start_worker()
    order = await engine.place(slippageBps=100)
    _, _, building, submitted, confirmed = (await engine.read_stream(order["orderId"])).log
    assert building["dex"] in ("raydium", "meteora")
    assert {quote["venue"] for quote in building["quotes"]} == {"raydium", "meteora"}
    assert [quote["won"] for quote in building["quotes"]].count(True) == 1
    assert float(building["minAmountOut"]) < float(confirmed["amountOut"])
    assert confirmed["dex"] == building["dex"]
    assert confirmed["txHash"] == submitted["txHash"]
    snapshot = await engine.order(order["orderId"])
    assert snapshot["amountOut"] == confirmed["amountOut"]
    assert snapshot["executedPrice"] == confirmed["executedPrice"]
    assert snapshot["events"][2] == building


async def test_prices_are_numbers_with_all_digits_everywhere_and_amounts_are_strings(engine: Engine) -> None:
    await engine.start_worker()
    order = (await engine.place(tokenIn="BONK", tokenOut="SOL", amount="700001"))["orderId"]
    await engine.read_stream(order)
    rows = await engine.postgres.fetch("SELECT details FROM order_events WHERE seq IN (3, 5) ORDER BY seq")
    price, executed = (json.loads(row["details"]) for row in rows)  # stored as text
    places = len(executed["executedPrice"].partition(".")[2])
    assert places > 12, "a price below one millionth, which a float would write with an exponent"
    async with engine.socket(f"/api/orders/execute?orderId={order}") as ws:
        frames = "".join([str(await ws.recv()) for _ in HAPPY])
    source = {"Accept": "text/event-stream"}
    for text in (
        frames,
        (await engine.http.get(f"/api/orders/{order}")).text,
        (await engine.http.get(f"/api/orders/{order}/events")).text,
        (await engine.http.get(f"/api/orders/{order}/events", headers=source)).text,
    ):
        assert f'"price":{price["price"]},' in text
        assert f'"executedPrice":{executed["executedPrice"]},' in text
        assert f'"amountOut":"{executed["amountOut"]}"' in text
    for path in ("/api/orders", f"/api/orders/{order}"):
        assert f'"executedPrice":{executed["executedPrice"]},' in (await engine.http.get(path)).text
    quotes = await engine.http.get("/api/quotes", params={"tokenIn": "BONK", "tokenOut": "SOL", "amount": "700001"})
    assert re.search(r'"price":0\.0000\d{5,},', quotes.text)


async def test_the_answer_to_a_post_has_all_a_client_needs(engine: Engine) -> None:
    order = await engine.place()
    assert order["status"] == "pending"
    assert order["success"] is True
    assert order["idempotent"] is False
    assert order["message"] == "Order queued successfully"
    assert order["wsUrl"].startswith(engine.base_url.replace("http", "ws"))
    assert order["statusEndpoint"] == f"/api/orders/{order['orderId']}/status"
    assert order["startsInMs"] == 0


async def test_redis_has_the_place_of_an_order_in_the_queue_and_nothing_else_of_it(engine: Engine) -> None:
    order = await engine.place()
    assert await engine.redis.zrange(f"{LANES}{Lane.MARKET:d}", 0, -1) == [f"{order['orderId']}:2:local".encode()]


async def test_a_swap_that_landed_at_once_needs_no_status_query(engine: Engine) -> None:
    asked = AsyncMock(side_effect=AssertionError("the answer to sending it said so"))
    with patch.object(MockChain, "ask", asked):
        await engine.start_worker()
        order = await engine.place()
        assert (await engine.read_stream(order["orderId"])).statuses == HAPPY
    asked.assert_not_called()


async def test_routing_is_published_before_the_venues_are_asked(engine: Engine, redis_dsn: str) -> None:
    published: list[int] = []

    class Blocking(ScriptedVenue):
        """While it quotes, the process does nothing else: only what was sent before can be in Redis."""

        in_process = True

        async def quote(self, request: QuoteRequest, slot: int) -> Quote:
            deadline = time.monotonic() + 0.5
            with redis.Redis.from_url(redis_dsn) as client:
                found = 0
                while found <= len(published) and time.monotonic() < deadline:
                    found = sum(client.hexists(key, "2") for key in client.scan_iter(f"{BACKLOG}*"))
            published.append(found)
            return await super().quote(request, slot)

    await engine.start_worker(venues=[Blocking("raydium", [200_000_000])], chain=ScriptedChain())
    for _ in range(2):  # by the second time the publisher has a connection
        order = await engine.place()
        await engine.read_stream(order["orderId"])

    assert published[-1] == 2


@pytest.mark.parametrize("asks_nobody", [True, False])
async def test_building_has_a_commit_of_its_own_only_if_the_venue_asks_somebody(
    engine: Engine, asks_nobody: bool
) -> None:
    venue = ScriptedVenue("raydium", [200_000_000])
    venue.in_process = asks_nobody
    await engine.start_worker(venues=[venue], chain=ScriptedChain())
    stream = await engine.read_stream((await engine.place())["orderId"])
    committed = {event["status"]: event["at"] for event in stream.events}

    assert stream.statuses == HAPPY
    assert (committed["building"] == committed["submitted"]) is asks_nobody


async def test_native_sol_is_wrapped_on_the_way_in_and_unwrapped_on_the_way_out(engine: Engine) -> None:
    await engine.start_worker()
    sell = await engine.place()
    buy = await engine.place(tokenIn="USDC", tokenOut="SOL", amount="20")
    await engine.read_stream(sell["orderId"])
    await engine.read_stream(buy["orderId"])
    swaps = {
        row["token_in"]: decode(SignedSwap.from_json(orjson.loads(row["swap"])).payload).swap
        for row in await engine.postgres.fetch("SELECT token_in, swap FROM orders")
    }
    assert {token: (swap.wrap_sol, swap.unwrap_sol) for token, swap in swaps.items()} == {
        "SOL": (True, False),
        "USDC": (False, True),
    }


async def test_two_hundred_sockets_get_all_events(engine: Engine) -> None:
    order = await engine.place()
    sockets = [asyncio.create_task(engine.read_stream(order["orderId"], within=30)) for _ in range(200)]
    await engine.start_worker()
    streams = await asyncio.gather(*sockets)
    assert all(stream.statuses == HAPPY and stream.code == 1000 for stream in streams)
