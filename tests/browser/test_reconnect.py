"""Reload, reconnect and restart: no gap, no duplicate, and the page says when it is offline."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import expect

from app.orders.reconciling.state import begin
from tests.browser.api_process import ApiProcess
from tests.browser.conftest import HERE, OpenPage
from tests.browser.trading_page import TradingPage
from tests.engine import HAPPY, Engine, eventually


@pytest_asyncio.fixture(loop_scope="session")
async def api(engine: Engine, postgres_dsn: str, redis_dsn: str, tmp_path: Path) -> AsyncIterator[ApiProcess]:
    """A second API, for the page. The engine's own API accepts orders while the second one is down."""
    process = ApiProcess(tmp_path, postgres_dsn, redis_dsn)
    try:
        await asyncio.to_thread(process.start)
        yield process
    finally:
        process.close()


async def test_a_reload_keeps_the_orders_the_open_order_the_filter_and_the_form(
    page: TradingPage, engine: Engine
) -> None:
    await engine.place()
    placed = (await engine.place(clientOrderId="mine"))["orderId"]
    row = page.order(placed)
    await expect(row).to_have_attribute("data-status", "confirmed")
    await page.open_details(row)
    await page.tab.get_by_label("You pay").fill("0.75")
    await page.tab.get_by_label("Status").select_option("confirmed")
    await page.tab.reload()
    await page.wait_until_live()
    await expect(page.orders).to_have_count(2)
    await page.expect_log(row, HAPPY)
    await expect(row).to_contain_text("mine")
    await expect(page.tab.get_by_label("You pay")).to_have_value("0.75")
    await expect(page.tab.get_by_label("Status")).to_have_value("confirmed")


async def test_a_reload_during_an_order_loses_no_event(page: TradingPage, engine: Engine) -> None:
    placed = (await engine.place())["orderId"]
    row = page.order(placed)
    await expect(row).to_be_visible()
    await page.open_details(row)
    await page.tab.reload()
    await expect(row).to_have_attribute("data-status", "confirmed")
    await page.expect_log(row, HAPPY)


async def test_a_killed_and_restarted_api_causes_no_gap_and_no_duplicate(
    engine: Engine, api: ApiProcess, open_page: OpenPage
) -> None:
    async with open_page(api.url) as page:
        await page.open()
        await page.wait_until_live()
        before = [(await engine.place())["orderId"] for _ in range(3)]
        under_way = [(await engine.place())["orderId"] for _ in range(2)]
        await expect(page.orders).to_have_count(5)
        await page.open_details(page.order(under_way[0]))
        await asyncio.to_thread(api.kill)
        await expect(page.tab.locator(".connection")).to_have_text("Offline")
        await expect(page.tab.locator(".banner")).to_contain_text("The engine cannot be reached.")
        await expect(page.tab.locator(".banner")).to_contain_text("Reconnecting")
        # These orders are placed and finished while the page is offline.
        while_offline = [(await engine.place())["orderId"] for _ in range(4)]
        for order_id in [*under_way, *while_offline]:
            assert (await engine.read_stream(order_id)).statuses == HAPPY
        # A new stream starts two seconds in the past. The orders must be older than that.
        await eventually(
            lambda: engine.postgres.fetchval("SELECT now() > max(created_at) + interval '3 s' FROM orders")
        )
        await asyncio.to_thread(api.start)
        await page.wait_until_live()
        await expect(page.tab.locator(".banner")).to_have_count(0)
        await expect(page.tab.locator(".order.confirmed")).to_have_count(9)
        assert await page.ids() == [*before, *under_way, *while_offline][::-1]
        await page.expect_log(page.order(under_way[0]), HAPPY)
        for order_id in (before[0], under_way[1], while_offline[2]):
            await page.open_details(page.order(order_id))
            await page.expect_log(page.order(order_id), HAPPY)
        # New orders work as before.
        await page.place()
        await expect(page.tab.locator(".order.confirmed")).to_have_count(10)


async def test_more_than_one_page_of_orders_is_caught_up(engine: Engine, api: ApiProcess, open_page: OpenPage) -> None:
    """230 orders are placed and cancelled while the page is offline: more than one response of the list holds."""
    async with open_page(api.url) as page:
        first = (await engine.place())["orderId"]
        await page.open()
        await page.wait_until_live()
        await expect(page.orders).to_have_attribute("data-status", "confirmed")
        await asyncio.to_thread(api.kill)
        await expect(page.tab.locator(".connection")).to_have_text("Offline")
        await engine.hold_starts()
        placed: list[str] = []
        for _ in range(5):
            sell: dict[str, Any] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
            answer = await engine.http.post("/api/orders/batch", json={"orders": [sell] * 46})
            placed += [result["orderId"] for result in answer.json()["results"]]
        await asyncio.gather(*(engine.http.post(f"/api/orders/{order_id}/cancel") for order_id in placed))
        await asyncio.to_thread(api.start)
        await page.come_back()  # it does not wait for its next attempt
        await page.wait_until_live()
        await expect(page.tab.locator(".order.cancelled")).to_have_count(15)
        older = page.tab.get_by_role("button", name="Show older orders")
        for shown in range(30, 226, 15):
            await older.click()
            await expect(page.orders).to_have_count(shown)
        await older.click()
        await expect(page.orders).to_have_count(231)
        ids = await page.ids()
        assert ids[-1] == first
        assert sorted(ids) == sorted([first, *placed])


async def test_a_missing_worker_is_reported(page: TradingPage, engine: Engine) -> None:
    ((pickup, _),) = engine.workers
    await engine.stop_worker(pickup)
    await expect(page.tab.locator(".banner")).to_contain_text("No worker is running")
    await page.place()
    await expect(page.orders).to_contain_text("no worker is running")
    await engine.start_worker()
    await expect(page.orders).to_have_attribute("data-status", "confirmed")
    await expect(page.tab.locator(".banner")).to_have_count(0)


async def test_events_give_the_same_result_in_any_order_of_arrival(page: TradingPage, engine: Engine) -> None:
    """Shuffled, duplicated, or mixed with a snapshot: the reducer gives the same result, and finds each gap."""
    failing = (await engine.http.post("/test/dlq")).json()["orderId"]
    await engine.read_stream(failing)
    order = await engine.order(failing)
    differing: list[Any] = await page.tab.evaluate((HERE / "out_of_order_events.js").read_text(), order)
    assert differing == []


async def test_subscribe_frames_are_smaller_than_4_kib(page: TradingPage) -> None:
    frames: list[Any] = await page.tab.evaluate(
        """async () => {
            const { subscribeFrames } = await import('/web/stream.js');
            const unfinished = Array.from({length: 900}, (_, n) =>
                [`01a1fcdd-4c14-773b-8d77-${String(n).padStart(12, '0')}`, 100 + n % 900]);
            return subscribeFrames(unfinished).map(frame => JSON.stringify(frame));
        }"""
    )
    assert max(map(len, frames)) < 4096
    parsed = [json.loads(frame) for frame in frames]
    assert parsed[-1] == {"op": "subscribe", "orders": "all"}
    assert sum(len(frame["after"]) for frame in parsed[:-1]) == 900
    assert all(set(frame["after"]) == set(frame["orders"]) for frame in parsed[:-1])


async def test_a_reconnect_requests_only_the_missing_events(
    engine: Engine, api: ApiProcess, open_page: OpenPage
) -> None:
    async with open_page(api.url) as page:
        received: list[str] = []
        page.tab.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(str(frame))))
        await page.open()
        await page.wait_until_live()
        await engine.hold_starts()
        waiting = (await engine.place())["orderId"]
        await expect(page.order(waiting)).to_be_visible()
        await asyncio.to_thread(api.kill)
        await expect(page.tab.locator(".connection")).to_have_text("Offline")
        received.clear()
        await asyncio.to_thread(api.start)
        await page.come_back()  # it does not wait for its next attempt
        await page.wait_until_live()
        await engine.release_starts()
        await expect(page.order(waiting)).to_have_attribute("data-status", "confirmed")
        events = [found[1] for frame in received if (found := re.search(r'"type":"event".*"seq":(\d+)', frame))]
        assert events == ["2", "3", "4", "5"]


async def test_events_that_the_engine_has_lost_are_forgotten(page: TradingPage, engine: Engine) -> None:
    order = (await engine.place())["orderId"]
    await expect(page.order(order)).to_have_attribute("data-status", "confirmed")
    await engine.postgres.execute("DELETE FROM order_events; DELETE FROM orders")
    await begin(engine.postgres, "a test")
    await expect(page.order(order)).to_have_count(0)
    await page.wait_until_live()
