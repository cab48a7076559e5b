"""Reload, reconnect and restart: neither a gap nor a duplicate, and the page says when it does not know."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import expect

from tests.browser.api_process import ApiProcess
from tests.browser.conftest import HERE, SitDown
from tests.browser.desk import Desk
from tests.engine import HAPPY, Engine, eventually


@pytest_asyncio.fixture(loop_scope="session")
async def api(engine: Engine, postgres_dsn: str, redis_dsn: str, tmp_path: Path) -> AsyncIterator[ApiProcess]:
    """A second API, which the page asks; the engine's own goes on taking orders while that one is dead."""
    process = ApiProcess(tmp_path, postgres_dsn, redis_dsn)
    try:
        await asyncio.to_thread(process.start)
        yield process
    finally:
        process.close()


async def test_a_reload_keeps_the_orders_the_open_one_the_filter_and_the_ticket(desk: Desk, engine: Engine) -> None:
    await engine.place()
    placed = (await engine.place(clientOrderId="mine"))["orderId"]
    row = desk.order(placed)
    await expect(row).to_have_attribute("data-status", "confirmed")
    await desk.unfold(row)
    await desk.page.get_by_label("You give").fill("0.75")
    await desk.page.get_by_label("Status").select_option("confirmed")
    await desk.page.reload()
    await desk.live()
    await expect(desk.orders).to_have_count(2)
    await desk.has_log(row, HAPPY)
    await expect(row).to_contain_text("mine")
    await expect(desk.page.get_by_label("You give")).to_have_value("0.75")
    await expect(desk.page.get_by_label("Status")).to_have_value("confirmed")


async def test_a_reload_in_the_middle_of_an_order_misses_nothing(desk: Desk, engine: Engine) -> None:
    placed = (await engine.place())["orderId"]
    row = desk.order(placed)
    await expect(row).to_be_visible()
    await desk.unfold(row)
    await desk.page.reload()
    await expect(row).to_have_attribute("data-status", "confirmed")
    await desk.has_log(row, HAPPY)


async def test_the_api_is_killed_and_comes_back_without_a_gap_or_a_duplicate(
    engine: Engine, api: ApiProcess, sits_down: SitDown
) -> None:
    async with sits_down(api.url) as desk:
        await desk.open()
        await desk.live()
        before = [(await engine.place())["orderId"] for _ in range(3)]
        under_way = [(await engine.place())["orderId"] for _ in range(2)]
        await expect(desk.orders).to_have_count(5)
        await desk.unfold(desk.order(under_way[0]))
        await asyncio.to_thread(api.kill)
        await expect(desk.page.locator(".connection")).to_have_text("Offline")
        await expect(desk.page.locator(".banner")).to_contain_text("The engine cannot be reached.")
        await expect(desk.page.locator(".banner")).to_contain_text("Trying again")
        # Placed, executed and over, all while the page hears nothing.
        meanwhile = [(await engine.place())["orderId"] for _ in range(4)]
        for order_id in [*under_way, *meanwhile]:
            assert (await engine.read_stream(order_id)).statuses == HAPPY
        # A stream looks back two seconds by itself; these are older.
        await eventually(
            lambda: engine.postgres.fetchval("SELECT now() > max(created_at) + interval '3 s' FROM orders")
        )
        await asyncio.to_thread(api.start)
        await desk.live()
        await expect(desk.page.locator(".banner")).to_have_count(0)
        await expect(desk.page.locator(".order.confirmed")).to_have_count(9)
        assert await desk.ids() == [*before, *under_way, *meanwhile][::-1]
        await desk.has_log(desk.order(under_way[0]), HAPPY)
        for order_id in (before[0], under_way[1], meanwhile[2]):
            await desk.unfold(desk.order(order_id))
            await desk.has_log(desk.order(order_id), HAPPY)
        # And it goes on.
        await desk.send()
        await expect(desk.page.locator(".order.confirmed")).to_have_count(10)


async def test_more_than_a_page_is_caught_up_with(engine: Engine, api: ApiProcess, sits_down: SitDown) -> None:
    """230 orders come and go while the page is offline: more than one answer of the list holds."""
    async with sits_down(api.url) as desk:
        first = (await engine.place())["orderId"]
        await desk.open()
        await desk.live()
        await expect(desk.orders).to_have_attribute("data-status", "confirmed")
        await asyncio.to_thread(api.kill)
        await expect(desk.page.locator(".connection")).to_have_text("Offline")
        await engine.http.post("/api/queue/pause")
        placed: list[str] = []
        for _ in range(5):
            sell: dict[str, Any] = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": 1}
            answer = await engine.http.post("/api/orders/batch", json={"orders": [sell] * 46})
            placed += [result["orderId"] for result in answer.json()["results"]]
        await asyncio.gather(*(engine.http.post(f"/api/orders/{one}/cancel") for one in placed))
        await asyncio.to_thread(api.start)
        await desk.live()
        await expect(desk.page.locator(".order.cancelled")).to_have_count(15)
        older = desk.page.get_by_role("button", name="Show older orders")
        for shown in range(30, 226, 15):
            await older.click()
            await expect(desk.orders).to_have_count(shown)
        await older.click()
        await expect(desk.orders).to_have_count(231)
        ids = await desk.ids()
        assert ids[-1] == first
        assert sorted(ids) == sorted([first, *placed])


async def test_a_worker_that_is_away_is_named(desk: Desk, engine: Engine) -> None:
    ((pickup, _),) = engine.workers
    await engine.stop_worker(pickup)
    await expect(desk.page.locator(".banner")).to_contain_text("No worker is running")
    await desk.send()
    await expect(desk.orders).to_contain_text("no worker runs")
    await engine.start_worker()
    await expect(desk.orders).to_have_attribute("data-status", "confirmed")
    await expect(desk.page.locator(".banner")).to_have_count(0)


async def test_a_story_is_the_same_in_whatever_order_it_is_heard(desk: Desk, engine: Engine) -> None:
    """Shuffled, doubled, cut off and resumed: the reducer gives the same result, and knows its gaps."""
    doomed = (await engine.http.post("/test/dlq")).json()["orderId"]
    await engine.read_stream(doomed)
    order = await engine.order(doomed)
    differing: list[Any] = await desk.page.evaluate((HERE / "shuffled.js").read_text(), order)
    assert differing == []


async def test_a_socket_is_asked_in_frames_below_4_kib(desk: Desk) -> None:
    frames: list[Any] = await desk.page.evaluate(
        """async () => {
            const { frames } = await import('/web/stream.js');
            const underWay = Array.from({length: 900}, (_, n) =>
                [`01a1fcdd-4c14-773b-8d77-${String(n).padStart(12, '0')}`, 100 + n % 900]);
            return frames(underWay).map(frame => JSON.stringify(frame));
        }"""
    )
    assert max(map(len, frames)) < 4096
    said = [json.loads(frame) for frame in frames]
    assert said[-1] == {"op": "subscribe", "orders": "all"}
    assert sum(len(frame["after"]) for frame in said[:-1]) == 900
    assert all(set(frame["after"]) == set(frame["orders"]) for frame in said[:-1])


async def test_going_on_asks_only_for_what_was_not_heard(engine: Engine, api: ApiProcess, sits_down: SitDown) -> None:
    async with sits_down(api.url) as desk:
        heard: list[str] = []
        desk.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
        await desk.open()
        await desk.live()
        await engine.http.post("/api/queue/pause")
        waiting = (await engine.place())["orderId"]
        await expect(desk.order(waiting)).to_be_visible()
        await asyncio.to_thread(api.kill)
        await expect(desk.page.locator(".connection")).to_have_text("Offline")
        heard.clear()
        await asyncio.to_thread(api.start)
        await desk.live()
        await engine.http.post("/api/queue/resume")
        await expect(desk.order(waiting)).to_have_attribute("data-status", "confirmed")
        events = [found[1] for frame in heard if (found := re.search(r'"type":"event".*"seq":(\d+)', frame))]
        assert events == ["2", "3", "4", "5"]
