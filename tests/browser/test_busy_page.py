"""A page that receives many events stays smooth. It takes a minute: `make test-browser args="-m slow"`."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import HERE, OpenPage
from tests.engine import running_engine

SECONDS = 60
PER_SECOND = 40  # orders, each with five events
MEASURE = (HERE / "frame_times.js").read_text()


@pytest.mark.slow
async def test_two_hundred_events_a_second_drop_no_frame(
    postgres_dsn: str, redis_dsn: str, primed_queue: None, open_page: OpenPage
) -> None:
    quick: dict[str, Any] = {"mock_quote_ms": 0, "mock_execution_ms_min": 0, "mock_execution_ms_max": 0}
    free: dict[str, Any] = {"queue_max_per_min": 0, "api_max_orders_per_min": 0, "worker_concurrency": 50}
    async with running_engine(postgres_dsn, redis_dsn, **quick, **free) as engine, open_page(engine.base_url) as page:
        await engine.start_worker()
        events = 0

        def count(_: object) -> None:
            nonlocal events
            events += 1

        page.tab.on("websocket", lambda socket: socket.on("framereceived", count))
        await page.open()
        await page.wait_until_live()
        await page.tab.evaluate(MEASURE)
        loop = asyncio.get_running_loop()
        began = loop.time()
        order = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1"}
        for n in range(SECONDS * 5):
            await engine.http.post("/api/orders/batch", json={"orders": [order] * (PER_SECOND // 5)})
            await asyncio.sleep(max(0.0, began + (n + 1) / 5 - loop.time()))
        rate = events / (loop.time() - began)
        longest, tasks, frames = await page.tab.evaluate("[window.longest, window.tasks, window.frames]")
        assert rate > 180
        assert longest < 100, (
            f"{longest} ms, {frames} frames, long tasks {sorted(tasks)[-5:]}, {rate} events per second"
        )
        await expect(page.tab.locator(".order.confirmed")).to_have_count(15)
